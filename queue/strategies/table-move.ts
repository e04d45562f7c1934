// Strategy `table-move`: a job's payload stays where it is; a small row of it moves from table to table.
//
// What it is: `jobs` holds each job once; small tables say where it stands: `ready`, `claimed`, `scheduled`. A claim
//   deletes the first rows of `ready` with SKIP LOCKED, inserts them into `claimed`, and reads the payloads by key; an
//   ack deletes the claimed row and the job.
// Who uses it: Solid Queue.
// Guarantees: those of skip-locked: at least once; priority, then enqueue order; timed leases; a crash costs an attempt.
// Where it breaks: two rows are written at each enqueue and two removed at each ack, so a job costs more statements'
//   worth of WAL than one that is updated in place; the ready table is small but churns whole, so a transaction that
//   holds back VACUUM leaves its dead rows at the head of every walk; claimers walk over each other's locked rows.

import { prepared } from '../sql.ts';
import type { ClaimStrategy, StrategyFactory, StrategyOptions } from '../strategy.ts';
import { deadLetterStore } from './shared/dead-letters.ts';
import { enqueueWith } from './shared/enqueue.ts';
import { contentsWith, statsWith } from './shared/inspect.ts';
import { installs } from './shared/installs.ts';
import { claimBy, type LeaseStatements, openLeaseSession } from './shared/lease-claim.ts';
import { PRIORITIES } from './shared/lease-strategy.ts';
import { findSql, removalSql, reviveSql } from './shared/move-single.ts';
import {
  ackManySql,
  ackOneSql,
  claimSql,
  extendSql,
  promoteSql,
  reapSql,
  settleSql,
} from './shared/move-sql.ts';
import {
  contentsSql,
  enqueueTexts,
  MOVE_RELATIONS,
  type MoveTables,
  moveInstallation,
  moveTables,
  statsSql,
} from './shared/move-tables.ts';
import { settleWith } from './shared/settle.ts';
import { cancellationWith, inspectionWith } from './shared/single-jobs.ts';
import { delayWith, reapWith } from './shared/upkeep.ts';

function moveStatements(tables: MoveTables): LeaseStatements {
  return {
    claim: claimBy((limit) => claimSql(tables, limit)),
    extend: prepared(extendSql(tables)),
    settle: settleWith({
      ackOne: ackOneSql(tables),
      ackMany: ackManySql(tables),
      mixed: settleSql(tables),
      fence: (outcome) => Number(outcome.job.lease.fencingToken),
    }),
  };
}

function create(options: StrategyOptions): ClaimStrategy {
  const tables = moveTables(options);
  const statements = moveStatements(tables);
  return {
    name: 'table-move',
    workerDefaults: { batch: 1, prefetch: 0, settle: 'each' },
    guarantees: {
      delivery: 'at-least-once',
      order: 'priority-then-enqueue',
      lease: 'timed',
      crashCountsAttempt: true,
      transactionPooler: true,
    },
    fixed: { fillfactor: 'rows are moved, not updated, but for heartbeats and failures' },
    relations: MOVE_RELATIONS,
    priorities: PRIORITIES,
    delay: delayWith((limit) => promoteSql(tables, limit)),
    ...installs(moveInstallation(tables)),
    enqueue: enqueueWith(enqueueTexts(tables)),
    openWorker: (connection, workerId) => openLeaseSession(statements, connection, workerId),
    reap: (db, limit) => reapWith(db, (most) => reapSql(tables, most), limit),
    stats: (db, queue) => statsWith(db, statsSql(tables), queue),
    contents: (db, afterId, limit) => contentsWith(db, contentsSql(tables), afterId, limit),
    inspection: inspectionWith(findSql(tables), tables.dead),
    cancellation: cancellationWith((lock) => removalSql(tables, lock)),
    deadLetters: deadLetterStore(tables.dead, reviveSql(tables)),
  };
}

/** Small rows that move between small tables. */
export const tableMove: StrategyFactory = {
  strategyName: 'table-move',
  summary: 'a claim moves a small row from a ready table to a claimed one; payloads stay where they are',
  usedBy: 'Solid Queue',
  breaks: 'two rows written per enqueue and removed per ack; the small ready table churns whole',
  create,
};
