// What does a bundle say of the surroundings? The part of the schema on machine, server and settings.

import { z } from 'zod';

const count = z.int().min(0);
const ratio = z.number().min(0);

/** The container of the server: what it was asked to be is in the command, this is what it is. */
const containerSchema = z.strictObject({
  image: z.string(),
  /** `sha256:…`: what the name stood for. */
  imageId: z.string(),
  /** In the registry; absent for an image that was never in one. */
  digest: z.string().optional(),
  /** Built where no registry was reached, out of the embedded binaries or Debian's packages. */
  standIn: z.boolean(),
  /** Version of the Docker engine. */
  engine: z.string(),
  storageDriver: z.string(),
  /** Where the data folder lies. */
  storage: z.enum(['volume', 'layer', 'tmpfs']),
  /** Size of a tmpfs that has a limit. */
  storageBytes: count.optional(),
  /** How sessions reach the server; a published port passes through a process of the engine's. */
  route: z.enum(['host network', 'container address', 'published port']),
  /** As its control groups say; absent where they cannot be read. A limit that is absent is none. */
  limits: z
    .strictObject({ cpus: ratio.optional(), cpuset: z.string().optional(), memoryBytes: count.optional() })
    .optional(),
});

const serverFields = {
  kind: z.string(),
  description: z.string(),
  version: z.string(),
  /**
   * As the server reports them: those that decide figures (durability, memory, WAL, vacuum, planner), and every other that
   * was given a value apart from its default.
   */
  settings: z.record(z.string(), z.string()),
  /** fsync, synchronous_commit and full_page_writes are all on, and the data folder does not lie in memory. */
  durable: z.boolean(),
  /** Versions of the extensions that the run asked for, by name; absent without any. */
  extensions: z.record(z.string(), z.string()).optional(),
  /** Absent for a server that the harness started in no container. */
  container: containerSchema.optional(),
};

export const environmentSchema = z.strictObject({
  claimbenchVersion: z.string(),
  node: z.string(),
  os: z.string(),
  arch: z.string(),
  cpuModel: z.string(),
  cores: z.int().min(1),
  memoryBytes: count,
  container: z.boolean(),
  /** The server of a run; of several the first. */
  server: z.strictObject(serverFields),
  /** Where a run has several: all of them, in the order of the command line, by the labels that cells name them by. */
  servers: z
    .array(z.strictObject({ ...serverFields, label: z.string(), fsyncUs: ratio.optional() }))
    .optional(),
  /** Whether the load generator ran on the machine of the server. */
  sharedMachine: z.boolean(),
  /** The null contender's rate with one job per claim, jobs/s per agent. */
  nullCeilingPerSec: ratio.optional(),
  /** The same for every claim size that occurs, by size. */
  nullCeilings: z.record(z.string(), ratio).optional(),
  /** Processors that the scheduler may use for the run (Linux: affinity and cpuset). */
  allowedCpus: z.array(count).optional(),
  /** Processors' worth of time that control groups grant; absent without a limit. */
  cpuQuota: ratio.optional(),
  /** Cores that the server, and the agents with the coordinator, were bound to; absent when the scheduler was free. */
  pinned: z.strictObject({ server: z.array(count), agents: z.array(count) }).optional(),
  /** Of producers that send on schedule: real-time is before every ordinary process. */
  producerPriority: z.enum(['realtime', 'normal']).optional(),
  /** CPU frequency governor; absent where it is not visible. */
  governor: z.string().optional(),
  /** Median step of the harness's clock. */
  clockResolutionUs: ratio.optional(),
  /** Over the minute before the run. */
  loadAverageAtStart: ratio.optional(),
  /** Median of a small fsynced write in the server's data folder, where that can be reached. */
  fsyncUs: ratio.optional(),
  /** Share of CPU time stolen by the hypervisor during the run (Linux). */
  stealShare: ratio.optional(),
  missing: z.array(z.string()),
});

export type Environment = z.infer<typeof environmentSchema>;
