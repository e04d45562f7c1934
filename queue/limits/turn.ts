// How does a worker take a turn at the limits of its queue, and what do the server's instants mean by its own clock?

import type { QueueContext } from '../context.ts';
import { prepared } from '../sql.ts';
import { readCommitted } from '../strategies/shared/read-committed.ts';
import type { JobId } from '../strategy.ts';
import { ServerClock } from './server-clock.ts';
import { turnRoutine } from './turn-sql.ts';

/** A job under one lease: another claim of it has another token. */
export interface LeasedJob {
  readonly id: JobId;
  readonly token: string;
}

/** Tokens of a slot that were used by an instant, in µs since the epoch by the server's clock; `null`: not used. */
export interface UsedTokens {
  readonly slot: string;
  readonly jobs: number;
  readonly byUs: number | null;
}

/** What a worker says and wants in one turn. */
export interface TurnRequest {
  readonly wanted: readonly LeasedJob[];
  /** Handlers at work that have no permit yet. */
  readonly adopted: readonly LeasedJob[];
  /** Permits to be prolonged. */
  readonly renewed: readonly LeasedJob[];
  /** Permits that are given up; those it never had do no harm. */
  readonly ended: readonly LeasedJob[];
  readonly used: readonly UsedTokens[];
  readonly leaseMs: number;
  /** How late a start may be. */
  readonly toleranceMs: number;
  /** How far ahead tokens are taken. */
  readonly horizonMs: number;
}

/** The right to start a job's handler within a span of this process's monotonic clock. */
export interface Grant {
  readonly id: JobId;
  /** Not before, in ms. */
  readonly fromMs: number;
  /** When it may have been the granted instant already. */
  readonly onTimeMs: number;
  /** Not after. */
  readonly untilMs: number;
  /** Whose token it is; `null` without a rate. */
  readonly slot: string | null;
  /** What must be added to an instant of this clock, in ms, for one of the server's that is not before it. */
  readonly serverAheadMs: number;
  readonly hasPermit: boolean;
}

/** A job that may not start while others of its key are at work. */
export interface PostponedJob {
  readonly id: JobId;
  readonly key: string;
}

/** What the server said. */
export interface TurnAnswer {
  /** When the turn was asked for, by this process's clock: leases of it count from there. */
  readonly askedMs: number;
  /** When it was answered by the server's clock, in ms since the epoch; `tokenInMs` counts from there. */
  readonly stampMs: number;
  readonly paused: boolean;
  readonly limited: boolean;
  /** In the order of `wanted`. */
  readonly grants: readonly Grant[];
  /** Jobs whose key is at its limit, and that key. */
  readonly postponed: readonly PostponedJob[];
  /** Those of `wanted` that have a key, where keys are limited. */
  readonly keyed: readonly JobId[];
  /** Those of `renewed` whose permits are still held. */
  readonly held: readonly LeasedJob[];
  /** How long until there is a token for the next of those that wait; absent when no token is missing. */
  readonly tokenInMs?: number;
}

interface TurnRow {
  readonly limited: boolean;
  readonly paused: boolean;
  readonly stamp_us: number;
  readonly waited_us: number;
  readonly started: readonly string[];
  readonly delays_us: readonly number[];
  readonly slots: readonly (string | null)[];
  readonly with_permit: readonly boolean[];
  readonly postponed: readonly string[];
  readonly postponed_keys: readonly string[];
  readonly keyed: readonly string[];
  readonly held: readonly number[] | null;
  readonly token_us: number | null;
}

/** Sends turns of one worker. */
export type TakeTurn = (request: TurnRequest) => Promise<TurnAnswer>;

const idsOf = (jobs: readonly LeasedJob[]) => jobs.map(({ id }) => id);
const tokensOf = (jobs: readonly LeasedJob[]) => jobs.map(({ token }) => token);

/** The turns of the worker `asker` at `queue`. One statement each, on the pool. */
export function turnsOf({ driver, tables }: QueueContext, queue: string, asker: string): TakeTurn {
  const parameters = Array.from({ length: 16 }, (_, n) => `$${n + 1}`).join(', ');
  const call = prepared(`SELECT * FROM ${turnRoutine(tables).name}(${parameters})`);
  const db = readCommitted(driver);
  const clock = new ServerClock();
  return async (request) => {
    const { wanted, adopted, renewed, ended, used } = request;
    const statement = call([
      ...[queue, asker, Math.ceil(request.leaseMs)],
      ...[Math.ceil(request.toleranceMs * 1000), Math.floor(request.horizonMs * 1000)],
      ...[wanted, adopted, renewed, ended].flatMap((jobs) => [idsOf(jobs), tokensOf(jobs)]),
      ...[used.map(({ slot }) => slot), used.map(({ jobs }) => jobs), used.map(({ byUs }) => byUs)],
    ]);
    const askedMs = performance.now();
    const { rows } = await db.query<TurnRow>(statement);
    const answeredMs = performance.now();
    const [row] = rows;
    if (row === undefined) throw new Error('a turn at the limits returned no row');
    // The stamp was taken after the statement had arrived, and waited there for a lock.
    clock.observe(row.stamp_us / 1000, askedMs + row.waited_us / 1000, answeredMs);
    return answerOf(row, request, askedMs, clock);
  };
}

/**
 * A start at an instant of ours is late enough for one of the server's if it is by the least that the server's clock can be
 * ahead, and early enough if it is by the most.
 */
function answerOf(row: TurnRow, request: TurnRequest, askedMs: number, clock: ServerClock): TurnAnswer {
  const stampMs = row.stamp_us / 1000;
  const grants = row.started.map((id, n): Grant => {
    const atMs = stampMs + (row.delays_us[n] ?? 0) / 1000;
    const slot = row.slots[n] ?? null;
    return {
      id,
      fromMs: slot === null ? 0 : atMs - clock.leastMs,
      onTimeMs: atMs - clock.mostMs,
      untilMs: slot === null ? Number.POSITIVE_INFINITY : atMs + request.toleranceMs - clock.mostMs,
      slot,
      serverAheadMs: clock.mostMs,
      hasPermit: row.with_permit[n] ?? false,
    };
  });
  return {
    askedMs,
    stampMs,
    paused: row.paused,
    limited: row.limited,
    grants,
    postponed: row.postponed.map((id, n) => ({ id, key: row.postponed_keys[n] ?? '' })),
    keyed: row.keyed,
    held: (row.held ?? []).flatMap((place) => request.renewed[place - 1] ?? []),
    ...(row.token_us === null ? {} : { tokenInMs: row.token_us / 1000 }),
  };
}
