// What is a strategy whose claims are ranges of a log, apart from what becomes of settled ranges?

import type { Connection } from '../../../drivers/driver.ts';
import type { ClaimStrategy, StrategyOptions, WorkerDefaults } from '../../../strategy.ts';
import { installs } from '../installs.ts';
import { PRIORITIES } from '../lease-strategy.ts';
import { keepIndexPlans } from '../planner.ts';
import { delayWith } from '../upkeep.ts';
import { takeBesideRemovals } from './beside-removals-sql.ts';
import { Books } from './books.ts';
import { deadLettersOfRanges } from './dead-letters.ts';
import { enqueueRanges } from './enqueue.ts';
import { findRanges } from './find.ts';
import { readRangeContents, readRangeStats } from './inspect.ts';
import { adopt, openLane } from './lanes-sql.ts';
import { promoteSql } from './promote-sql.ts';
import {
  CHANGED_RELATIONS,
  createRelations,
  rangeChanges,
  rangeRelations,
  rangeTables,
} from './relations.ts';
import { cancelRanges, removeWaiting } from './remove-sql.ts';
import { rotate } from './rotate-sql.ts';
import { RangeSession, rangeStatements } from './session.ts';
import { take } from './take-sql.ts';
import { adoptOrphans, reap, setHorizons, tend } from './upkeep-sql.ts';

/** What one of the two designs is called, and how its worker is set. */
export interface RangeDesign {
  readonly name: string;
  readonly rotates: boolean;
  readonly workerDefaults: WorkerDefaults;
}

/** Builds such a strategy. */
export function rangeStrategy(design: RangeDesign, options: StrategyOptions): ClaimStrategy {
  const tables = rangeTables(options, design.rotates);
  const open = openLane(tables);
  const adoptJobs = adopt(tables, open);
  const besideRemovals = takeBesideRemovals(tables);
  const taking = take(tables, adoptJobs, besideRemovals);
  const removing = removeWaiting(tables);
  const reaping = reap(tables);
  const horizons = setHorizons(tables);
  const tending = tend(tables);
  const rotating = design.rotates ? rotate(tables) : undefined;
  const statements = rangeStatements(tables, taking);
  const adopting = adoptOrphans(tables);
  const routines = [
    open,
    adoptJobs,
    besideRemovals,
    taking,
    removing,
    reaping,
    horizons,
    tending,
    adopting,
    ...(rotating === undefined ? [] : [rotating]),
  ];
  const books = new Books(
    { reap: reaping, setHorizons: horizons, tend: tending, adoptOrphans: adopting, rotate: rotating },
    tables,
  );
  return {
    name: design.name,
    workerDefaults: design.workerDefaults,
    guarantees: {
      delivery: 'at-least-once',
      order: 'priority-then-enqueue',
      lease: 'timed',
      crashCountsAttempt: true,
      transactionPooler: true,
    },
    relations: [...rangeRelations(tables), ...CHANGED_RELATIONS],
    priorities: PRIORITIES,
    delay: delayWith((limit) => promoteSql(tables, limit)),
    ...installs({
      schema: tables.schema,
      layout: { name: design.name, relations: rangeRelations(tables) },
      relations: rangeRelations(tables),
      routines,
      statements: createRelations(tables),
      changes: rangeChanges(tables),
    }),
    ...enqueueRanges(tables, open),
    async openWorker(connection: Connection, workerId: string) {
      return new RangeSession(await keepIndexPlans(connection), statements, workerId);
    },
    reap: (db, limit) => books.reap(db, Math.max(1, Math.trunc(limit))),
    stats: (db, queue) => readRangeStats(db, tables, queue),
    contents: (db, afterId, limit) => readRangeContents(db, tables, afterId, limit),
    inspection: findRanges(tables),
    cancellation: cancelRanges(removing),
    deadLetters: deadLettersOfRanges(tables),
    upkeep: { everyMs: TEND_EVERY_MS, run: (db, early = false) => books.tend(db, early) },
  };
}

/** Mean wait between two looks of a worker at books that hardly grow, in ms. */
const TEND_EVERY_MS = 10_000;
