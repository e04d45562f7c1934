// What is a strategy whose lease is a session advisory lock, apart from how a claim looks for free ones?

import type { Connection } from '../../drivers/driver.ts';
import { prepared } from '../../sql.ts';
import type {
  ClaimedJob,
  ClaimStrategy,
  JobId,
  Outcome,
  SettleResult,
  StrategyOptions,
  WorkerSession,
} from '../../strategy.ts';
import {
  advisoryInstallation,
  claimCallSql,
  heldRule,
  type LockSearch,
  unlockSql,
  unlockStraySql,
} from './advisory-sql.ts';
import { bulkIntoJobs } from './bulk.ts';
import { NUMBERED_RELATIONS } from './claim-number.ts';
import { type ClaimedRow, toClaimedJob } from './claimed-row.ts';
import { deadLettersOn } from './dead-letters.ts';
import { enqueueInto } from './enqueue.ts';
import { readContents, readStats } from './inspect.ts';
import { installs } from './installs.ts';
import { PRIORITIES } from './lease-strategy.ts';
import { keepIndexPlans } from './planner.ts';
import { settleOn, UNWRITTEN } from './settle.ts';
import { inspectionOn } from './single-jobs.ts';
import { type JobsTable, jobsTable } from './table.ts';
import { delayOn } from './upkeep.ts';

/**
 * Jobs that one session holds at most. All sessions of a server share one lock table, of about 64 entries for each
 * allowed connection; when it is full nobody can lock anything, nor log in.
 */
const MAX_HELD = 1_000;

/** What the sessions of one strategy share. */
function sessionStatements(table: JobsTable, search: LockSearch) {
  return {
    claim: prepared(claimCallSql(table, search)),
    unlock: prepared(unlockSql(table)),
    unlockStray: prepared(unlockStraySql(table)),
    settle: settleOn(table, UNWRITTEN),
  };
}

type Statements = ReturnType<typeof sessionStatements>;

class AdvisorySession implements WorkerSession {
  readonly #connection: Connection;
  readonly #statements: Statements;
  /** Fencing tokens of the jobs whose lock this session holds. */
  readonly #held = new Map<JobId, string>();
  #lastClaim: Promise<unknown> = Promise.resolve();
  #lastSettle: Promise<unknown> = Promise.resolve();

  constructor(connection: Connection, statements: Statements) {
    this.#connection = connection;
    this.#statements = statements;
  }

  /**
   * One claim at a time: a session is granted a lock again that it holds, so a second claim must know what the first
   * one got before it walks.
   */
  async claim(queue: string, limit: number): Promise<readonly ClaimedJob[]> {
    const claim = this.#lastClaim.then(() => this.#search(queue, limit));
    this.#lastClaim = claim.catch(() => undefined);
    return claim;
  }

  async #search(queue: string, limit: number): Promise<readonly ClaimedJob[]> {
    // A settle that is under way opens locks: an empty answer now would send the worker to sleep beside a full queue.
    if (this.#held.size >= MAX_HELD) await this.#lastSettle;
    const allowed = Math.min(limit, MAX_HELD - this.#held.size);
    if (allowed < 1) return [];
    let rows: readonly ClaimedRow[];
    try {
      const values = [queue, allowed, [...this.#held.keys()]];
      rows = (await this.#connection.query<ClaimedRow>(this.#statements.claim(values))).rows;
    } catch (error) {
      // Session locks survive a rollback: what the failed search had locked would be lost to all until we disconnect.
      if (!this.#connection.closed) await this.#dropStrays();
      throw error;
    }
    const jobs = rows.map((row) => toClaimedJob(queue, row));
    for (const job of jobs) this.#held.set(job.id, job.lease.fencingToken);
    return jobs;
  }

  /** When even that fails, as with a full lock table, only the end of the connection frees what was locked. */
  async #dropStrays(): Promise<void> {
    try {
      await this.#connection.query(this.#statements.unlockStray([[...this.#held.keys()]]));
    } catch {
      this.#held.clear();
      await this.#connection[Symbol.asyncDispose]();
    }
  }

  /** Stale is what this session does not hold under this token, and everything once the connection is gone. */
  async settle(outcomes: readonly Outcome[]): Promise<SettleResult> {
    const mine = this.#connection.closed ? [] : outcomes.filter((outcome) => this.#owns(outcome.job));
    const stale =
      mine.length === outcomes.length ? [] : outcomes.filter((outcome) => !mine.includes(outcome));
    const staleIds = stale.map((outcome) => outcome.job.id);
    if (mine.length === 0) return { acked: 0, retried: 0, deadLettered: 0, released: 0, stale: staleIds };
    const ids = mine.map((outcome) => outcome.job.id);
    // Sent back to back, executed in order, each in a transaction of its own: the lock opens only when what it guarded
    // is committed. Should the settle fail, the jobs are unlocked and ready, and somebody runs them again.
    const settling = this.#statements.settle(this.#connection, mine);
    const unlocking = this.#connection.query(this.#statements.unlock([ids]));
    const ended = Promise.allSettled([settling, unlocking]).then(([settle]) => {
      for (const id of ids) this.#held.delete(id);
      return settle;
    });
    this.#lastSettle = ended;
    const settled = await ended;
    if (settled.status === 'rejected') throw settled.reason;
    return { ...settled.value, stale: [...settled.value.stale, ...staleIds] };
  }

  #owns(job: ClaimedJob): boolean {
    return this.#held.get(job.id) === job.lease.fencingToken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held.clear();
    await this.#connection[Symbol.asyncDispose]();
  }
}

/** Builds such a strategy, which finds free locks by `search`. */
export function advisoryStrategy(name: string, options: StrategyOptions, search: LockSearch): ClaimStrategy {
  const table = jobsTable(options);
  const statements = sessionStatements(table, search);
  const held = heldRule(table);
  return {
    name,
    workerDefaults: { batch: 1, prefetch: 0, settle: 'each' },
    guarantees: {
      delivery: 'at-least-once',
      order: 'priority-then-enqueue',
      lease: 'session',
      crashCountsAttempt: false,
      transactionPooler: false,
    },
    fixed: { leaseMs: 'a lease lasts as long as its session' },
    relations: NUMBERED_RELATIONS,
    priorities: PRIORITIES,
    delay: delayOn(table),
    ...installs(advisoryInstallation(table, search)),
    enqueue: enqueueInto(table),
    bulk: bulkIntoJobs(table),
    async openWorker(connection) {
      return new AdvisorySession(await keepIndexPlans(connection), statements);
    },
    // The server ends a session's leases with the session.
    reap: async () => ({ ended: 0, dead: [] }),
    stats: (db, queue) => readStats(db, table, queue, held),
    contents: (db, afterId, limit) => readContents(db, table, afterId, limit, held),
    // No cancellation: a claim leaves no mark by which a removal could tell that the job runs.
    inspection: inspectionOn(table, held),
    deadLetters: deadLettersOn(table),
  };
}
