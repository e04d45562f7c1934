// In how many statements do jobs enter the tables of the strategy?

import type { QueueContext } from '../context.ts';
import type { CopyingDatabase, Database, Transactor } from '../drivers/driver.ts';
import { haveKeys, storeJobKeys } from '../limits/job-keys.ts';
import type { BulkEnqueue, JobId, NewJob } from '../strategy.ts';

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

/** The way into the tables of the strategy, and of what is kept beside them of some jobs. */
export function entranceTo(context: QueueContext): Entrance {
  const { strategy } = context;
  const bulkOf = (jobs: readonly NewJob[]): BulkEnqueue | undefined => {
    const { bulk } = strategy;
    if (bulk === undefined || jobs.length < bulk.fromJobs) return undefined;
    return jobs.some((job) => job.runAt !== undefined) ? undefined : bulk;
  };
  const enterByChunks = async (db: Database, jobs: readonly NewJob[]): Promise<readonly JobId[]> => {
    if (jobs.length <= CHUNK) return strategy.enqueue(db, jobs);
    const ids: JobId[] = [];
    for (let start = 0; start < jobs.length; start += CHUNK)
      ids.push(...(await strategy.enqueue(db, jobs.slice(start, start + CHUNK))));
    return ids;
  };
  return {
    isSingle: (jobs) => jobs.length <= CHUNK && bulkOf(jobs) === undefined && !haveKeys(jobs),
    async prepare(driver, jobs) {
      await strategy.bulk?.prepare?.(driver, jobs);
    },
    async enter(db, jobs) {
      const copied = copies(db) ? await bulkOf(jobs)?.enqueue(db, jobs) : undefined;
      const ids = copied ?? (await enterByChunks(db, jobs));
      await storeJobKeys(db, context, jobs, ids);
      return ids;
    },
  };
}

function copies(db: Database): db is CopyingDatabase {
  return db.copyIn !== undefined;
}
