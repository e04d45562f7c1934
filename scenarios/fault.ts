// What can a scenario break, and when? Faults are data in a phase; the harness applies each and always undoes it.

import { z } from 'zod';

const seconds = z.number().positive().max(86_400);

/** From the start of its phase. */
const when = { afterSeconds: z.number().min(0).max(86_400).default(0) };
/** Until the end of its phase, or so long. It may last beyond its phase, and ends with the load at the latest. */
const lasting = { ...when, forSeconds: seconds.optional() };
const perSec = z.number().positive().max(10_000);

export const faultSchema = z.discriminatedUnion('fault', [
  /**
   * SIGKILL of one worker agent; with `everySeconds` of another one each time, until the phase ends. `replaced`: a new agent
   * takes its place at once, as a supervisor would have it.
   */
  z.strictObject({
    fault: z.literal('kill-worker'),
    ...when,
    everySeconds: seconds.optional(),
    replaced: z.boolean().default(false),
  }),
  /** SIGSTOP of one worker agent, then SIGCONT. Longer than the lease, it makes a worker settle what is no longer its own. */
  z.strictObject({ fault: z.literal('stall-worker'), ...lasting }),
  /** Handlers throw for this share of the attempts: what they call is down. */
  z.strictObject({ fault: z.literal('failing-handlers'), ...lasting, share: z.number().positive().max(1) }),
  /** Handlers take so much longer, ms: all, or those of jobs with the concurrency key of this number. */
  z.strictObject({
    fault: z.literal('slow-handlers'),
    ...lasting,
    addedMs: z.number().positive().max(600_000),
    key: z.int().min(0).max(999_999).optional(),
  }),
  /**
   * Transactions of somebody else's, on no table of the queue, stay open and idle, so that VACUUM may not remove what dies
   * meanwhile. `reader`: one, REPEATABLE READ with its snapshot taken; `writer`: one with a transaction id of its own;
   * `staggered`: three readers, each open for `eachSeconds` and begun a third of that apart, as reports that overlap.
   */
  z.strictObject({
    fault: z.literal('held-xmin'),
    ...lasting,
    kind: z.enum(['reader', 'writer', 'staggered']).default('reader'),
    eachSeconds: seconds.default(3),
  }),
  /** A transaction prepared for two-phase commit that nobody finishes. The server must allow such (max_prepared_transactions). */
  z.strictObject({ fault: z.literal('prepared-transaction'), ...lasting }),
  /** Autovacuum passes the tables of the contender over. */
  z.strictObject({ fault: z.literal('starved-autovacuum'), ...lasting }),
  /**
   * The next job that is due is enqueued in a transaction that commits only after `forSeconds`; it keeps one of its
   * producer's connections. Open loop only; ends within the load.
   */
  z.strictObject({ fault: z.literal('late-commit'), ...lasting }),
  /**
   * A query on the standby that takes so long: a REPEATABLE READ transaction there with its snapshot taken. The primary hears
   * of it where the standby gives feedback.
   */
  z.strictObject({ fault: z.literal('standby-query'), ...lasting }),
  /**
   * The standby stops for good, as in a crash. Its slot stays behind with all that it holds: WAL, and with feedback the xmin
   * that the standby reported last. At the end somebody drops the slot.
   */
  z.strictObject({ fault: z.literal('lose-standby'), ...lasting }),
  /** A physical replication slot that nobody reads from keeps WAL. */
  z.strictObject({ fault: z.literal('abandon-slot'), ...lasting }),
  /** pg_terminate_backend of sessions of the contender, one at a time, drawn at random. */
  z.strictObject({ fault: z.literal('terminate-backends'), ...lasting, perSec }),
  /** The server stops and is started again at once. `immediate`: as in a crash; `fast`: sessions are ended, a checkpoint is made. */
  z.strictObject({
    fault: z.literal('restart-server'),
    ...when,
    mode: z.enum(['immediate', 'fast']).default('immediate'),
  }),
  /** Somebody else takes every connection that the server has left, and those of the workers, which are ended for it. */
  z.strictObject({ fault: z.literal('exhaust-connections'), ...lasting }),
  /** NOTIFY on a channel of somebody else's, each in a transaction of its own. */
  z.strictObject({ fault: z.literal('notify-storm'), ...lasting, perSec }),
  /** So many idle sessions of the same database that LISTEN. The server must have room for them (max_connections). */
  z.strictObject({ fault: z.literal('idle-listeners'), ...lasting, listeners: z.int().min(1).max(5_000) }),
  /** CHECKPOINT again and again. */
  z.strictObject({ fault: z.literal('checkpoint-storm'), ...lasting, everySeconds: seconds.default(1) }),
  /** What passes between agents and server comes so much later, each way, give or take up to `jitterMs`; and no faster than `bytesPerSec`. */
  z.strictObject({
    fault: z.literal('slow-network'),
    ...lasting,
    delayMs: z.number().min(0).max(60_000).default(0),
    jitterMs: z.number().min(0).max(60_000).default(0),
    bytesPerSec: z.int().min(1_000).optional(),
  }),
  /** Every connection between agents and server is reset; with `everySeconds` again and again, until the phase ends. */
  z.strictObject({ fault: z.literal('reset-connections'), ...when, everySeconds: seconds.optional() }),
  /** Nothing passes between agents and server, and nobody is told: connections stay open. What was under way goes on at the end. */
  z.strictObject({ fault: z.literal('black-hole'), ...lasting }),
  /** Connections between agents and server are reset, and new ones refused. */
  z.strictObject({ fault: z.literal('cut-network'), ...lasting }),
]);

/** A fault as its author writes it. */
export type FaultInput = z.input<typeof faultSchema>;
/** A fault as written in its phase, defaults filled in. */
export type Fault = z.output<typeof faultSchema>;

/**
 * The same on the time of the load: `atSeconds` from its start. `forSeconds` is absent for a fault of one instant; those that
 * come again and again have it, too.
 */
export type ScheduledFault = Fault extends infer F
  ? F & { readonly atSeconds: number; readonly forSeconds?: number | undefined }
  : never;

/** Those that strike what lies between agents and server. */
export const NETWORK_FAULTS = [
  'slow-network',
  'reset-connections',
  'black-hole',
  'cut-network',
] as const satisfies readonly Fault['fault'][];

/** Whether it strikes what lies between agents and server: then a proxy does, from the start of the load to its end. */
export function isOfNetwork({ fault }: Pick<Fault, 'fault'>): boolean {
  return NETWORK_FAULTS.some((one) => one === fault);
}

/** Whether it is over at once. */
function isInstant(fault: Fault): boolean {
  if (fault.fault === 'restart-server') return true;
  return (
    (fault.fault === 'kill-worker' || fault.fault === 'reset-connections') && fault.everySeconds === undefined
  );
}

interface Phased {
  readonly phases: readonly { readonly seconds: number; readonly faults: readonly Fault[] }[];
}

/** The faults of all phases, in the order of time. */
export function scheduledFaults({ phases }: Phased): ScheduledFault[] {
  let from = 0;
  const scheduled = phases.flatMap(({ seconds: length, faults }) => {
    const start = from;
    from += length;
    return faults.map((fault): ScheduledFault => {
      const atSeconds = start + fault.afterSeconds;
      const given = 'forSeconds' in fault ? fault.forSeconds : undefined;
      const forSeconds = isInstant(fault) ? undefined : (given ?? length - fault.afterSeconds);
      return { ...fault, atSeconds, forSeconds };
    });
  });
  return scheduled.sort((x, y) => x.atSeconds - y.atSeconds);
}

/** When a kill-worker strikes, in seconds from the start of the load. */
export function killsAt({
  atSeconds,
  forSeconds = 0,
  everySeconds,
}: Extract<ScheduledFault, { fault: 'kill-worker' }>): number[] {
  if (everySeconds === undefined) return [atSeconds];
  const times = Math.max(1, Math.ceil(forSeconds / everySeconds - 1e-9));
  return Array.from({ length: times }, (_, i) => atSeconds + i * everySeconds);
}

/** How many worker agents have to stand by, to take the places of those that are killed. */
export function replacements(scenario: Phased): number {
  return scheduledFaults(scenario).reduce(
    (sum, fault) => (fault.fault === 'kill-worker' && fault.replaced ? sum + killsAt(fault).length : sum),
    0,
  );
}
