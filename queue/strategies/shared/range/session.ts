// How does one claimer take ranges, and settle what it took?

import type { Connection } from '../../../drivers/driver.ts';
import { prepared } from '../../../sql.ts';
import type {
  ClaimedJob,
  Heartbeat,
  JobId,
  Outcome,
  SettleResult,
  Turn,
  TurnResult,
  WorkerSession,
} from '../../../strategy.ts';
import { placeOfToken } from '../place-token.ts';
import { storableError } from '../settle.ts';
import { dropLatches } from './latch.ts';
import { jobsOf, RangeJob, type RangeRow, TakenRange } from './range-job.ts';
import type { RangeTables } from './relations.ts';
import type { Routine } from './routine.ts';
import { extendSql, settleSomeSql } from './settle-sql.ts';

type Prepared = ReturnType<typeof prepared>;

/** Statements of one schema, made once and shared by its sessions. */
export interface RangeStatements {
  readonly take: Prepared;
  readonly settleSome: Prepared;
  readonly extend: Prepared;
  /** First key of the lane's advisory lock. */
  readonly latch: number;
}

/** Makes the statements around the routine `take`. */
export function rangeStatements(tables: RangeTables, take: Routine): RangeStatements {
  return {
    take: prepared(
      `SELECT kind, lease::text, lane, priority, lo::text, hi::text, expires_ms, crashes, details, payloads FROM ${take.name}($1, $2, $3, $4, $5, $6)`,
    ),
    settleSome: prepared(settleSomeSql(tables)),
    extend: prepared(extendSql(tables)),
    latch: tables.locks.latch,
  };
}

const NOTHING: SettleResult = { acked: 0, retried: 0, deadLettered: 0, released: 0, stale: [] };
/** For a statement that only settles. */
const NO_CLAIM = ['', 0, 0, ''] as const;
/** For one that only claims. */
const NO_PLAN = { whole: new Map() } as const;

interface SomeRow {
  readonly acked: number;
  readonly retried: number;
  readonly dead_lettered: number;
  readonly released: number;
  readonly stale: readonly number[] | null;
}

/** A job by its lease, whoever handed it out. */
interface Placed {
  readonly outcome: Outcome;
  readonly lease: number;
  readonly place: number;
}

/** Outcomes as they are to be sent: leases that they end whole, and what has to be named one by one. */
interface Plan {
  readonly whole: ReadonlyMap<TakenRange, readonly Placed[]>;
  readonly some: readonly Placed[];
  /** Leases among those of `some` that have no other job left. */
  readonly ending: readonly number[];
  /** Jobs that this session has settled, or is settling, already. */
  readonly again: readonly JobId[];
  /** Lets what was not answered be sent once more. */
  undo(): void;
}

export class RangeSession implements WorkerSession, Heartbeat, Turn {
  readonly #connection: Connection;
  readonly #statements: RangeStatements;
  readonly #workerId: string;
  /** Ranges of this session that are not settled. */
  readonly #ranges = new Map<number, TakenRange>();

  constructor(connection: Connection, statements: RangeStatements, workerId: string) {
    this.#connection = connection;
    this.#statements = statements;
    this.#workerId = workerId;
  }

  get heartbeat(): Heartbeat {
    return this;
  }

  get turn(): Turn {
    return this;
  }

  async claim(queue: string, limit: number, leaseMs: number): Promise<readonly ClaimedJob[]> {
    return this.#taken(queue, await this.#take(NO_PLAN, [queue, limit, leaseMs, this.#workerId]));
  }

  async settle(outcomes: readonly Outcome[]): Promise<SettleResult> {
    const plan = this.#plan(outcomes);
    return this.#settling(plan, async () => {
      const [some, rows] = await Promise.all([
        this.#settleSome(plan.some, plan.ending),
        plan.whole.size === 0 ? [] : this.#take(plan, NO_CLAIM),
      ]);
      return add(some, await this.#closed(plan, rows));
    });
  }

  /** What ends leases whole is one statement with the claim; what has to be named goes before it. */
  async settleAndClaim(
    outcomes: readonly Outcome[],
    queue: string,
    limit: number,
    leaseMs: number,
  ): Promise<TurnResult> {
    const plan = this.#plan(outcomes);
    let jobs: readonly ClaimedJob[] | undefined;
    try {
      const settled = await this.#settling(plan, async () => {
        // One after the other: what is claimed beside a settle that fails would be nobody's until its lease ends.
        const some = await this.#settleSome(plan.some, plan.ending);
        const rows = await this.#take(plan, [queue, limit, leaseMs, this.#workerId]);
        jobs = this.#taken(queue, rows);
        return add(some, await this.#closed(plan, rows));
      });
      return { settled, jobs: jobs ?? [] };
    } catch (error) {
      // What was claimed stands, though a lease that did not close whole could not be settled job by job either.
      if (jobs === undefined || !(error instanceof Error)) throw error;
      return { settled: NOTHING, jobs, settleError: error };
    }
  }

  async extend(jobs: readonly ClaimedJob[], leaseMs: number): Promise<readonly JobId[]> {
    const placed = jobs.map(placeOf);
    const { rows } = await this.#connection.query<{ readonly lost: number }>(
      this.#statements.extend([placed.map(({ lease }) => lease), placed.map(({ place }) => place), leaseMs]),
    );
    const lost = rows.map((row) => row.lost).sort((one, other) => one - other);
    // Whoever lost a job to a reaper settles the rest of its lease job by job.
    for (const index of lost) this.#ranges.delete(placed[index]?.lease ?? 0);
    return lost.flatMap((index) => jobs[index]?.id ?? []);
  }

  async #take({ whole }: Pick<Plan, 'whole'>, claim: readonly unknown[]): Promise<readonly RangeRow[]> {
    const ranges = [...whole.keys()];
    const closing = [ranges.map((range) => range.lease), [...whole.values()].map((placed) => placed.length)];
    try {
      const { rows } = await this.#connection.query<RangeRow>(this.#statements.take([...closing, ...claim]));
      return rows;
    } catch (error) {
      await dropLatches(this.#connection, this.#statements.latch);
      throw error;
    }
  }

  #taken(queue: string, rows: readonly RangeRow[]): readonly ClaimedJob[] {
    const jobs: ClaimedJob[] = [];
    for (const row of rows) {
      if (row.kind !== 'l') continue;
      const range = new TakenRange(queue, row);
      this.#ranges.set(range.lease, range);
      for (const job of jobsOf(range, row.payloads)) jobs.push(job);
    }
    return jobs;
  }

  /** Sorts outcomes by how they can be sent, and marks their places: nobody else settles them meanwhile. */
  #plan(outcomes: readonly Outcome[]): Plan {
    const byRange = new Map<TakenRange, Placed[]>();
    const some: Placed[] = [];
    const again: JobId[] = [];
    const named = new Set<string>();
    for (const outcome of outcomes) {
      const { lease, place } = placeOf(outcome.job);
      const range = this.#ranges.get(lease);
      const placed = { outcome, lease, place };
      if (range === undefined) {
        const key = `${lease} ${place}`;
        if (named.has(key)) again.push(outcome.job.id);
        else some.push(placed);
        named.add(key);
      } else if (!range.begin(place)) again.push(outcome.job.id);
      else if (!byRange.get(range)?.push(placed)) byRange.set(range, [placed]);
    }
    const whole = new Map<TakenRange, Placed[]>();
    const ending: number[] = [];
    for (const [range, placed] of byRange) {
      const ends = range.endsWith(placed.length);
      if (ends && placed.every(({ outcome }) => outcome.kind === 'ack')) {
        whole.set(range, placed);
        continue;
      }
      if (ends) ending.push(range.lease);
      for (const one of placed) some.push(one);
    }
    const undo = (): void => {
      for (const [range, placed] of byRange) for (const { place } of placed) range.undo(place);
    };
    return { whole, some, ending, again, undo };
  }

  /** Runs `send` and forgets the ranges that it ended. */
  async #settling(plan: Plan, send: () => Promise<SettleResult>): Promise<SettleResult> {
    try {
      const result = await send();
      for (const [lease, range] of this.#ranges) if (range.isOver) this.#ranges.delete(lease);
      return plan.again.length === 0 ? result : { ...result, stale: [...result.stale, ...plan.again] };
    } catch (error) {
      plan.undo();
      throw error;
    }
  }

  /**
   * What became of leases that were to end whole. One that is not among the rows was reaped, or others have settled jobs of
   * it: then each job is asked for by itself.
   */
  async #closed({ whole }: Plan, rows: readonly RangeRow[]): Promise<SettleResult> {
    const closed = new Set(rows.filter((row) => row.kind === 'c').map((row) => Number(row.lease)));
    let acked = 0;
    const unclear: Placed[] = [];
    for (const [range, placed] of whole) {
      if (!closed.has(range.lease)) unclear.push(...placed);
      else {
        acked += placed.length;
        for (const { place } of placed) range.answer(place);
      }
    }
    const ending = [...new Set(unclear.map(({ lease }) => lease))];
    return add({ ...NOTHING, acked }, await this.#settleSome(unclear, ending));
  }

  async #settleSome(some: readonly Placed[], ending: readonly number[]): Promise<SettleResult> {
    if (some.length === 0) return NOTHING;
    const { rows } = await this.#connection.query<SomeRow>(
      this.#statements.settleSome([
        some.map(({ lease }) => lease),
        some.map(({ place }) => place),
        some.map(({ outcome }) => outcome.kind),
        some.map(({ outcome }) => ('delayMs' in outcome ? (outcome.delayMs ?? 0) : 0)),
        some.map(({ outcome }) => ('error' in outcome ? storableError(outcome.error) : null)),
        ending,
      ]),
    );
    for (const { lease, place } of some) this.#ranges.get(lease)?.answer(place);
    const row = rows[0];
    if (row === undefined) return NOTHING;
    const { acked, retried, dead_lettered: deadLettered, released } = row;
    const stale = (row.stale ?? []).flatMap((index) => some[index]?.outcome.job.id ?? []);
    return { acked, retried, deadLettered, released, stale };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}

function placeOf(job: ClaimedJob): { readonly lease: number; readonly place: number } {
  return job instanceof RangeJob
    ? { lease: job.range.lease, place: job.place }
    : placeOfToken(job.lease.fencingToken);
}

function add(one: SettleResult, other: SettleResult): SettleResult {
  return {
    acked: one.acked + other.acked,
    retried: one.retried + other.retried,
    deadLettered: one.deadLettered + other.deadLettered,
    released: one.released + other.released,
    stale: [...one.stale, ...other.stale],
  };
}
