// What do the coordinator and the bystander's process say to each other?

import type { Pacing } from '../load/alarm.ts';
import type { ArrivalPhase } from '../load/arrivals.ts';
import type { Priority } from '../load/priority.ts';
import type { GeneratorHealth } from '../measure/generator.ts';
import type { ConnectionSettings } from '../server/server.ts';

/** Shown in pg_stat_activity; whoever counts the contender's sessions, or their waits, leaves these out. */
export const BYSTANDER_NAME = 'claimbench bystander';

/** A comment in its statements, by which they are told from the contender's. */
export const BYSTANDER_MARK = `/* ${BYSTANDER_NAME} */`;

/** Sent once, first. */
export interface BystanderAssignment {
  readonly kind: 'assign';
  /** The server itself, whatever stands between it and the agents. */
  readonly connection: ConnectionSettings;
  readonly schema: string;
  readonly connections: number;
  readonly accounts: number;
  readonly arrivals: readonly ArrivalPhase[];
  /** Of arrivals, and of the accounts that are drawn. */
  readonly seed: number;
  /** The file of what became of each transaction; it does not exist yet. */
  readonly recordsPath: string;
  readonly pacing: Pacing;
  readonly priority: Priority;
}

export type ToBystander =
  | BystanderAssignment
  | { readonly kind: 'start'; readonly startUs: number }
  /** No transaction that is intended for that instant or later is due any more; those under way go on. */
  | { readonly kind: 'load-over'; readonly atUs: number }
  /** End within so long; what has not ended by then is cut off. */
  | { readonly kind: 'stop'; readonly deadlineMs: number };

export interface BystanderStopped {
  readonly kind: 'stopped';
  readonly health: GeneratorHealth;
  /** Failed transactions by what the server or the system said. */
  readonly errors: Readonly<Record<string, number>>;
  readonly lostSessions: number;
  readonly failedConnects: number;
}

export type FromBystander =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string }
  | BystanderStopped;

/** The whole of its load: a Poisson process of one rate. */
export function bystanderArrivals(ratePerSec: number, seconds: number): ArrivalPhase[] {
  const segments = [{ seconds, fromPerSec: ratePerSec, toPerSec: ratePerSec }];
  return [{ kind: 'rate', seconds, spacing: 'poisson', segments, shift: 0.5 }];
}

/** The labels of its streams of chance. */
export const STREAMS = { arrivals: 'bystander arrivals', accounts: 'bystander accounts' } as const;
