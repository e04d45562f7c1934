// Strategy `held-transaction`: a job is locked by a transaction that stays open while it runs.
//
// What it is: a claim begins a transaction and locks the first ready row that nobody else has locked; the settle deletes or
//   returns the row, and commits. The open transaction is the lease: nothing is written to say so.
// Who uses it: neoq; hand-written queues that do their job's own SQL in the same transaction.
// Guarantees: at least once; order of priority, then enqueue; a dead session frees its job at once, and its crash costs no
//   attempt. A session has one transaction, hence one job: a claim beside a job that is held goes right after the settle of
//   that, in the same write, or answers empty when none has come within 250 ms. An empty claim leaves no transaction open.
// Where it breaks: each running job holds a transaction with an id, so that nothing that died since it began can be
//   vacuumed, in any table: one long job spoils the whole database; as many connections as jobs at once; the server's
//   idle_in_transaction_session_timeout and transaction_timeout end jobs that are longer, and they run again; no pooler in
//   transaction mode; a hung worker that keeps its connection keeps its job.

import type { Connection } from '../drivers/driver.ts';
import { prepared } from '../sql.ts';
import type {
  ClaimedJob,
  ClaimStrategy,
  Outcome,
  SettleResult,
  StrategyFactory,
  StrategyOptions,
  WorkerSession,
} from '../strategy.ts';
import { bulkIntoJobs } from './shared/bulk.ts';
import { createClaimNumber, NUMBERED_RELATIONS, nextClaimNumber } from './shared/claim-number.ts';
import { type ClaimedRow, toClaimedJob } from './shared/claimed-row.ts';
import { deadLettersOn } from './shared/dead-letters.ts';
import { enqueueInto } from './shared/enqueue.ts';
import { type HeldRule, readContents, readStats } from './shared/inspect.ts';
import { installs } from './shared/installs.ts';
import { PRIORITIES } from './shared/lease-strategy.ts';
import { keepIndexPlans } from './shared/planner.ts';
import { settleOn, UNWRITTEN } from './shared/settle.ts';
import { inspectionOn } from './shared/single-jobs.ts';
import { type JobsTable, jobsTable, jobsTableInstallation } from './shared/table.ts';
import { delayOn } from './shared/upkeep.ts';

/** A claim looks at rows that others have just let go of: a stricter level would fail instead. */
const BEGIN = { text: 'BEGIN ISOLATION LEVEL READ COMMITTED' };
const COMMIT = { text: 'COMMIT' };
const ROLLBACK = { text: 'ROLLBACK' };

/**
 * How long a claim waits for the settle of the job that is held. A worker asks only when its handler has ended and the
 * settle is about to leave; an empty answer in between would send it to sleep beside a full queue.
 */
const SETTLE_WITHIN_MS = 250;

/** The lock comes first, then the number, as the CTE is read only once it has the row. */
function claimSql(table: JobsTable): string {
  return `
WITH candidate AS MATERIALIZED (
  SELECT id, priority, attempt, max_attempts, payload
  FROM ${table.jobs}
  WHERE state = 'r' AND queue = $1
  ORDER BY priority, id
  LIMIT 1
  FOR UPDATE SKIP LOCKED
)
SELECT id::text AS id, priority, (attempt + 1)::smallint AS attempt, max_attempts,
  ${nextClaimNumber(table)}::text AS fence, NULL AS expires_ms, payload
FROM candidate`;
}

/**
 * A locked row bears its locker's transaction id as xmax, and keeps it when that has ended; each transaction under way has
 * a lock on its own id. To try the rows' locks instead would lock them all for a moment, and claims would pass them by.
 */
const HELD: HeldRule = `job.xmax IN (
    SELECT transactionid
    FROM pg_locks
    WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted
  )`;

/** What the sessions of one strategy share. */
function sessionStatements(table: JobsTable) {
  return { claim: prepared(claimSql(table)), settle: settleOn(table, UNWRITTEN) };
}

class TransactionSession implements WorkerSession {
  readonly #connection: Connection;
  readonly #statements: ReturnType<typeof sessionStatements>;
  /** The job that the open transaction has locked. */
  #held: ClaimedJob | undefined;
  #claiming: Promise<unknown> | undefined;
  /** Sends the claim that waits for the settle of the held job. */
  #follow: (() => void) | undefined;

  constructor(connection: Connection, statements: ReturnType<typeof sessionStatements>) {
    this.#connection = connection;
    this.#statements = statements;
  }

  async claim(queue: string): Promise<readonly ClaimedJob[]> {
    while (this.#claiming !== undefined) await this.#claiming;
    const claim = this.#held === undefined ? this.#begin(queue) : this.#beginAfterSettle(queue);
    this.#claiming = claim.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await claim;
    } finally {
      this.#claiming = undefined;
    }
  }

  #beginAfterSettle(queue: string): Promise<readonly ClaimedJob[]> {
    return new Promise((resolve) => {
      const end = (jobs: readonly ClaimedJob[] | Promise<readonly ClaimedJob[]>): void => {
        clearTimeout(timer);
        this.#follow = undefined;
        resolve(jobs);
      };
      const timer = setTimeout(() => end([]), SETTLE_WITHIN_MS);
      this.#follow = () => end(this.#begin(queue));
    });
  }

  async #begin(queue: string): Promise<readonly ClaimedJob[]> {
    const [begun, found] = await Promise.allSettled([
      this.#connection.query(BEGIN),
      this.#connection.query<ClaimedRow>(this.#statements.claim([queue])),
    ]);
    if (begun.status === 'rejected' || found.status === 'rejected') {
      await this.#rollBack();
      throw found.status === 'rejected' ? found.reason : new Error('a claim could not begin its transaction');
    }
    const [row] = found.value.rows;
    if (row === undefined) {
      await this.#rollBack();
      return [];
    }
    this.#held = toClaimedJob(queue, row);
    return [this.#held];
  }

  /** A connection that cannot even roll back is good for nothing more: its end rolls back. */
  async #rollBack(): Promise<void> {
    try {
      await this.#connection.query(ROLLBACK);
    } catch {
      await this.#connection[Symbol.asyncDispose]();
    }
  }

  /** Stale is everything but the job that the open transaction holds, and that too once the connection is gone. */
  async settle(outcomes: readonly Outcome[]): Promise<SettleResult> {
    const mine = this.#connection.closed ? undefined : outcomes.find(({ job }) => this.#owns(job));
    const stale = outcomes.filter((outcome) => outcome !== mine).map((outcome) => outcome.job.id);
    if (mine === undefined) return { acked: 0, retried: 0, deadLettered: 0, released: 0, stale };
    // The transaction ends with what is sent here, be it by a rollback after a settle that failed: the job is ours no
    // longer, and the next claim may follow in the same write.
    this.#held = undefined;
    const settling = Promise.allSettled([
      this.#statements.settle(this.#connection, [mine]),
      this.#connection.query(COMMIT),
    ]);
    this.#follow?.();
    const [settled, committed] = await settling;
    if (settled.status === 'rejected') throw settled.reason;
    if (committed.status === 'rejected') throw committed.reason;
    return { ...settled.value, stale: [...settled.value.stale, ...stale] };
  }

  #owns(job: ClaimedJob): boolean {
    return this.#held?.id === job.id && this.#held.lease.fencingToken === job.lease.fencingToken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held = undefined;
    await this.#connection[Symbol.asyncDispose]();
  }
}

function create(options: StrategyOptions): ClaimStrategy {
  const table = jobsTable(options);
  const statements = sessionStatements(table);
  return {
    name: 'held-transaction',
    workerDefaults: { batch: 1, prefetch: 0, settle: 'each' },
    guarantees: {
      delivery: 'at-least-once',
      order: 'priority-then-enqueue',
      lease: 'session',
      crashCountsAttempt: false,
      transactionPooler: false,
    },
    fixed: {
      batch: 'a transaction holds one job',
      prefetch: 'a session has one transaction, and it holds the job that runs',
      settle: 'a settle ends the transaction that holds the job',
      concurrency: 'a session has one transaction, which holds one job: give the worker more connections',
      leaseMs: 'a lease lasts as long as its transaction',
    },
    relations: NUMBERED_RELATIONS,
    priorities: PRIORITIES,
    delay: delayOn(table),
    ...installs(jobsTableInstallation(table, [createClaimNumber(table)], NUMBERED_RELATIONS)),
    enqueue: enqueueInto(table),
    bulk: bulkIntoJobs(table),
    async openWorker(connection) {
      return new TransactionSession(await keepIndexPlans(connection), statements);
    },
    // The server ends a lease with its transaction.
    reap: async () => ({ ended: 0, dead: [] }),
    stats: (db, queue) => readStats(db, table, queue, HELD),
    contents: (db, afterId, limit) => readContents(db, table, afterId, limit, HELD),
    // No cancellation: a removal would wait for as long as the job runs.
    inspection: inspectionOn(table, HELD),
    deadLetters: deadLettersOn(table),
  };
}

/** A transaction per running job. */
export const heldTransaction: StrategyFactory = {
  strategyName: 'held-transaction',
  summary: 'locks a job in a transaction that stays open while it runs',
  usedBy: 'neoq',
  breaks:
    'a long job holds VACUUM back in the whole database; a connection per running job; no pooler in transaction mode',
  create,
};
