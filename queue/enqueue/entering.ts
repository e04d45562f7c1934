// In how many statements do jobs enter the tables of the strategy?

import type { CopyingDatabase, Database, Transactor } from '../drivers/driver.ts';
import type { BulkEnqueue, ClaimStrategy, JobId, NewJob } from '../strategy.ts';

/** Jobs per statement: bounds the size of one message and of the arrays that the server unpacks. */
const CHUNK = 5000;

/** How jobs enter. Their payloads are encoded, so that none is refused when others have been sent. */
export interface Entrance {
  /** Whether `jobs` are one statement, which is a transaction by itself. */
  isSingle(jobs: readonly NewJob[]): boolean;
  /** Before a transaction of the queue's own in which `jobs` enter. */
  prepare(driver: Transactor, jobs: readonly NewJob[]): Promise<void>;
  /** All of them, on `db`: where that is more than one statement, a transaction. One id for each, in their order. */
  enter(db: Database, jobs: readonly NewJob[]): Promise<readonly JobId[]>;
}

/** The way into the tables of `strategy`. */
export function entranceTo(strategy: ClaimStrategy): Entrance {
  const bulkOf = (jobs: readonly NewJob[]): BulkEnqueue | undefined => {
    const { bulk } = strategy;
    if (bulk === undefined || jobs.length < bulk.fromJobs) return undefined;
    return jobs.some((job) => job.runAt !== undefined) ? undefined : bulk;
  };
  return {
    isSingle: (jobs) => jobs.length === 1 || (jobs.length <= CHUNK && bulkOf(jobs) === undefined),
    async prepare(driver, jobs) {
      await bulkOf(jobs)?.prepare?.(driver, jobs);
    },
    async enter(db, jobs) {
      const copied = copies(db) ? await bulkOf(jobs)?.enqueue(db, jobs) : undefined;
      if (copied !== undefined) return copied;
      if (jobs.length <= CHUNK) return strategy.enqueue(db, jobs);
      const ids: JobId[] = [];
      for (let start = 0; start < jobs.length; start += CHUNK)
        ids.push(...(await strategy.enqueue(db, jobs.slice(start, start + CHUNK))));
      return ids;
    },
  };
}

function copies(db: Database): db is CopyingDatabase {
  return db.copyIn !== undefined;
}
