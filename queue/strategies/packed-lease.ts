// Strategy `packed-lease`: a claim moves the next jobs into one row, and settles the last ones on the way.
//
// What it is: `ready` holds only what can run now. A claim deletes n ready rows and writes one lease row that holds them;
//   that row is the fence, and is deleted when the last of its jobs is settled. A worker's *turn* does both in one
//   statement: it closes what is done and claims what is next, with one round trip and one commit.
// Who uses it: nobody that we know of; our own design. A claim that moves rows is Solid Queue's, one by one.
// Guarantees: at least once; order of priority, then enqueue, but that a job which commits late may wait for half a second; a
//   dead worker's jobs return when their lease expires, and the fence keeps its late settle from counting. Jobs of one lease
//   are settled, prolonged and taken back one by one.
// Where it breaks: a payload is written twice, at the enqueue and at the claim, so from about 1 kB on it costs more than a
//   claim that only marks its row; while there is a backlog, a job that commits late or comes back waits for the next walk
//   from the start, up to half a second (packed-lease/hint.ts); settles that leave part of a lease open rewrite its row, and outcomes other than
//   acks unpack it; a crash returns a whole batch after its lease.

import type { ClaimStrategy, StrategyFactory, StrategyOptions } from '../strategy.ts';
import { deadLettersOnPacked } from './packed-lease/dead-letters.ts';
import { enqueuePacked } from './packed-lease/enqueue.ts';
import { LATE_JOBS_WAIT_MS } from './packed-lease/hint.ts';
import { readPackedContents, readPackedStats } from './packed-lease/inspect.ts';
import { openPackedSession } from './packed-lease/session.ts';
import { cancelOnPacked, inspectPacked } from './packed-lease/single-jobs.ts';
import { packedStatements } from './packed-lease/statements.ts';
import { PACKED_RELATIONS, packedInstallation, packedTables } from './packed-lease/tables.ts';
import { delayOnPacked, reapPacked } from './packed-lease/upkeep.ts';
import { bulkInto } from './shared/bulk.ts';
import { installs } from './shared/installs.ts';
import { PRIORITIES } from './shared/lease-strategy.ts';

function create(options: StrategyOptions): ClaimStrategy {
  const tables = packedTables(options);
  const statements = packedStatements(tables);
  return {
    name: 'packed-lease',
    workerDefaults: { batch: 100, prefetch: 200, settle: 'batched' },
    guarantees: {
      delivery: 'at-least-once',
      order: 'priority-then-enqueue',
      orderWithinMs: LATE_JOBS_WAIT_MS,
      lease: 'timed',
      crashCountsAttempt: true,
      transactionPooler: true,
    },
    relations: PACKED_RELATIONS,
    priorities: PRIORITIES,
    delay: delayOnPacked(tables),
    ...installs(packedInstallation(tables)),
    enqueue: enqueuePacked(tables),
    bulk: bulkInto({ table: tables.ready, sequence: tables.jobIds }),
    openWorker: (connection, workerId) => openPackedSession(statements, connection, workerId),
    reap: (db, limit) => reapPacked(db, tables, limit),
    stats: (db, queue) => readPackedStats(db, tables, queue),
    contents: (db, afterId, limit) => readPackedContents(db, tables, afterId, limit),
    inspection: inspectPacked(tables),
    cancellation: cancelOnPacked(tables),
    deadLetters: deadLettersOnPacked(tables),
  };
}

/** One lease row per claim, settle and claim in one commit. */
export const packedLease: StrategyFactory = {
  strategyName: 'packed-lease',
  summary:
    'a claim deletes ready rows and writes one lease row that holds them; settle and next claim are one commit',
  usedBy: 'none: our own design',
  breaks:
    'writes each payload twice, which tells from about 1 kB on; a crash returns a whole batch after its lease',
  create,
};
