// Strategy `tick-log`: an append-only log of events, read in batches between snapshots, never updated, truncated by turns.
//
// What it is: an enqueue appends an event with its transaction's number. A ticker writes down snapshots; a batch is what
//   the newest snapshot sees and the one where the queue stands does not. So a job whose transaction commits late is in
//   the first batch after its commit, and an open transaction delays nobody. A claim hands out the next chunk of the
//   batch and writes one lease row for all of it; acking the whole chunk deletes that row. Events go into three tables by
//   turns, and a table whose events are all settled is truncated: dead rows do not come to be, so none pile up when
//   VACUUM is held back.
// Who uses it: PgQ (Skytools, at Skype) and PgQue. They hand a consumer whole batches; here the workers of a queue share one
//   position, as PgQ's cooperative consumers do, and a batch goes out in chunks of the size asked for.
// Guarantees: at least once; the order of enqueue, that of transactions by their first write; a lease per chunk that ends
//   by the clock and a fence per job; a crash costs an attempt of what was not settled. Retries, releases and what an
//   expired chunk held are appended anew under the same id, delayed ones when they are due.
// Where it breaks: a job waits for the next tick; claims of one queue take turns, a commit each, so small batches are
//   slow however many workers there are; a lease is kept or lost by the chunk, so one slow job holds on to all; settling
//   job by job costs a write each; a queue that nobody works keeps its tables from being truncated, and so
//   does a transaction that has written or read them, for as long as it is open. No priorities: a log has one order.
//   Events and ticks hold transaction numbers of their cluster: restored from a dump into another one whose numbers are lower,
//   new events look as if they had been read (PgQ's trap, too); drain the queue before such a move.
// After a crash of the server: position, lease and events are rows of ordinary transactions. The sequences that are not
//   (ids, chunk numbers, the table to write to) only ever skip, or say where to write.

import type { ClaimStrategy, StrategyFactory, StrategyOptions } from '../strategy.ts';
import { installs } from './shared/installs.ts';
import { readCommitted } from './shared/read-committed.ts';
import { CLAIM_ARGUMENTS, createClaim } from './tick-log/claim-sql.ts';
import { enqueueInto } from './tick-log/enqueue.ts';
import { readContents, readStats } from './tick-log/inspect.ts';
import type { KnownTicks } from './tick-log/known-ticks.ts';
import { openLogSession, sessionStatements } from './tick-log/session.ts';
import { reapCall, settleRoutines } from './tick-log/settle-sql.ts';
import { LOG_RELATIONS, logInstallation, logTables } from './tick-log/tables.ts';
import { delayOn, upkeepOn, upkeepRoutines } from './tick-log/upkeep.ts';

function create({ schema }: StrategyOptions): ClaimStrategy {
  const tables = logTables(schema);
  const statements = sessionStatements(tables);
  const ticks: KnownTicks = { newest: 0 };
  const routines = [...settleRoutines(tables), ...upkeepRoutines(tables), createClaim(tables)];
  return {
    name: 'tick-log',
    workerDefaults: { batch: 500, prefetch: 500, settle: 'batched' },
    guarantees: {
      delivery: 'at-least-once',
      order: 'enqueue',
      lease: 'timed',
      crashCountsAttempt: true,
      transactionPooler: true,
    },
    fixed: { fillfactor: 'its events are never updated, so no page needs room' },
    relations: LOG_RELATIONS,
    delay: delayOn(tables),
    upkeep: upkeepOn(tables, ticks),
    ...installs(logInstallation(tables, routines, `${tables.claim}${CLAIM_ARGUMENTS}`)),
    enqueue: enqueueInto(tables),
    openWorker: (connection, workerId) => openLogSession(statements, connection, workerId, ticks),
    async reap(db, limit) {
      const { rows } = await readCommitted(db).query<{ readonly ended: number }>(reapCall(tables, limit));
      return { ended: rows[0]?.ended ?? 0, dead: [] };
    },
    stats: (db, queue) => readStats(db, tables, queue),
    contents: (db, afterId, limit) => readContents(db, tables, afterId, limit),
  };
}

/** The event log, by chunks of 500. */
export const tickLog: StrategyFactory = {
  strategyName: 'tick-log',
  summary: 'append-only event tables, read in batches between snapshots and truncated by turns',
  contract: 'event-log',
  usedBy: 'PgQ, PgQue',
  breaks:
    'a job waits for the next tick; claims of a queue take turns; a lease is kept or lost by the chunk; an unread queue keeps its tables',
  create,
};
