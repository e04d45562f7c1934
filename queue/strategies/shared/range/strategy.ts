// What is a strategy whose claims are ranges of a log, apart from what becomes of settled ranges?

import type { Connection, Database } from '../../../drivers/driver.ts';
import type { ClaimStrategy, Delay, StrategyOptions, Upkeep, WorkerDefaults } from '../../../strategy.ts';
import { installOnce } from '../install.ts';
import { PRIORITIES } from '../lease-strategy.ts';
import { keepIndexPlans } from '../planner.ts';
import { enqueueRanges } from './enqueue.ts';
import { readRangeContents, readRangeStats } from './inspect.ts';
import { Orphans } from './orphans.ts';
import { createRelations, type RangeTables, rangeRelations, rangeTables } from './relations.ts';
import { rotate } from './rotate-sql.ts';
import { RangeSession, rangeStatements } from './session.ts';
import { adopt, openLane, type Routine, take } from './take-sql.ts';
import { promoteSql, reap, tend } from './upkeep-sql.ts';

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
  const taking = take(tables, adoptJobs);
  const reaping = reap(tables);
  const tending = tend(tables);
  const rotating = design.rotates ? rotate(tables) : undefined;
  const routines = [open, adoptJobs, taking, reaping, tending, ...(rotating === undefined ? [] : [rotating])];
  const statements = rangeStatements(tables, taking);
  const orphans = new Orphans(tables, tending);
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
    relations: rangeRelations(tables),
    priorities: PRIORITIES,
    delay: delayOf(tables),
    install: (db) =>
      installOnce(db, {
        schema: tables.schema,
        relations: rangeRelations(tables),
        routines: routines.map((routine) => routine.signature),
        statements: [...createRelations(tables), ...routines.map((routine) => routine.create)],
      }),
    enqueue: enqueueRanges(tables, open),
    async openWorker(connection: Connection, workerId: string) {
      await keepIndexPlans(connection);
      return new RangeSession(connection, statements, workerId);
    },
    async reap(db: Database, limit: number) {
      const { rows } = await db.query<{ readonly reaped: number }>({
        text: `SELECT ${reaping.name}($1) AS reaped`,
        values: [Math.max(1, Math.trunc(limit))],
      });
      return (rows[0]?.reaped ?? 0) + (await orphans.bringBack(db));
    },
    stats: (db, queue) => readRangeStats(db, tables, queue),
    contents: (db, afterId, limit) => readRangeContents(db, tables, afterId, limit),
    ...(rotating === undefined ? {} : { upkeep: upkeepOf(rotating) }),
  };
}

/** Mean wait between two looks at whose turn it is, in ms. */
const ROTATE_EVERY_MS = 2_000;

function upkeepOf(rotating: Routine): Upkeep {
  return {
    everyMs: ROTATE_EVERY_MS,
    async run(db) {
      await db.query({ text: `SELECT ${rotating.name}()` });
      return { ready: false };
    },
  };
}

function delayOf(tables: RangeTables): Delay {
  return {
    async promote(db, limit) {
      const most = Math.max(1, Math.trunc(limit));
      const { rows } = await db.query<{ readonly promoted: number; readonly next_ms: number | null }>({
        text: promoteSql(tables, most),
      });
      const promoted = rows[0]?.promoted ?? 0;
      // A full page says nothing about what is behind it: the caller looks again at once.
      if (promoted >= limit) return { promoted, nextDueInMs: 0 };
      const nextMs = rows[0]?.next_ms ?? undefined;
      return nextMs === undefined ? { promoted } : { promoted, nextDueInMs: Math.max(1, nextMs) };
    },
  };
}
