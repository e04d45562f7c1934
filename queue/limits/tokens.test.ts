// Does each token go out at the first instant at which the limit allows it, whatever is out already?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { createQueue, type Driver, pgDriver, type Queue } from '../index.ts';
import { TokenBook } from './token-book.ts';
import { type Grant, turnsOf } from './turn.ts';

let database: TestDatabase;
let driver: Driver;
let queue: Queue;
before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 2 });
  queue = createQueue({ driver, schema: 'tokens', wakeup: 'poll' });
  await queue.install();
});
after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const PERIOD_MS = 20_000;
const TOLERANCE_MS = 7;

/** The instants, in µs, of the next grants: at most so many starts by any instant within a period before it. */
function nextInstants(
  slots: readonly number[],
  jobs: number,
  wanted: number,
  nowUs: number,
): readonly number[] {
  const periodUs = PERIOD_MS * 1000;
  const starts = [...slots];
  return Array.from({ length: wanted }, () => {
    const latest = [...starts].sort((one, other) => other - one)[jobs - 1];
    const atUs = Math.max(nowUs, latest === undefined ? 0 : latest + periodUs);
    // When it was used is not before: the turn itself grants none that depends on another of its own.
    starts.push(Math.max(atUs, nowUs) + TOLERANCE_MS * 1000);
    return atUs;
  });
}

test('grants are those of a list of all starts', async () => {
  let run = 0;
  const used = fc.array(
    fc.record({ agoMs: fc.integer({ min: -200, max: 25_000 }), jobs: fc.integer({ min: 0, max: 4 }) }),
    { maxLength: 12 },
  );
  const property = fc.asyncProperty(
    used,
    fc.integer({ min: 1, max: 15 }),
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 0, max: 20_000 }),
    async (uses, jobs, wanted, horizonMs) => {
      run += 1;
      const name = `q${run}`;
      await queue.limits.set(name, { rate: { jobs, periodMs: PERIOD_MS } });
      const { rows } = await driver.query<{ readonly slot: string; readonly jobs: number }>({
        text: `
INSERT INTO ${queue.context.tables.starts} AS start (queue, slot, jobs)
SELECT $1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - ago * 1000, sum(jobs)
FROM unnest($2::bigint[], $3::integer[]) AS used (ago, jobs) GROUP BY 1, 2
ON CONFLICT (queue, slot) DO UPDATE SET jobs = start.jobs + excluded.jobs
RETURNING slot, jobs`,
        values: [name, uses.map(({ agoMs }) => agoMs), uses.map((use) => use.jobs)],
      });
      const slots = rows.flatMap((row) => Array.from({ length: row.jobs }, () => Number(row.slot)));
      const answer = await turnsOf(
        queue.context,
        name,
        'w',
      )({
        wanted: Array.from({ length: wanted }, (_, n) => ({ id: String(run * 1000 + n), token: '1' })),
        ...{ adopted: [], renewed: [], ended: [], used: [] },
        ...{ leaseMs: 1000, toleranceMs: TOLERANCE_MS, horizonMs },
      });
      const instants = answer.grants.map((grant) =>
        Math.round((grant.onTimeMs + grant.serverAheadMs) * 1000),
      );
      const nowUs = Math.round(answer.stampMs * 1000);
      const all = nextInstants(slots, jobs, wanted, nowUs);
      // Those that are granted depend on starts before this turn, as the horizon is no longer than a period.
      const near = all.filter((atUs) => atUs <= nowUs + horizonMs * 1000);
      assert.equal(instants.length, near.length);
      for (const [n, atUs] of near.entries()) assert(Math.abs((instants[n] ?? 0) - atUs) <= 2, `grant ${n}`);
      for (const { slot } of answer.grants) assert(Number(slot) > (instants[0] ?? 0) + TOLERANCE_MS * 1000);
      const next = all[near.length];
      if (next === undefined) assert.equal(answer.tokenInMs, undefined);
      else assert(answer.tokenInMs !== undefined && answer.tokenInMs > horizonMs - 1);
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

function grantOf(slot: string | null): Grant {
  return { id: '1', slot, fromMs: 0, onTimeMs: 0, untilMs: 100, serverAheadMs: 1_000_000, hasPermit: false };
}

test('tokens are told once, by slot: those not used, and the latest instant of those that were', () => {
  const book = new TokenBook();
  assert(book.isEmpty);
  book.start(grantOf(null), 5);
  book.giveBack(grantOf(null));
  assert(book.isEmpty && !book.isUrgent, 'without a rate there are none');
  book.start(grantOf('7'), 20.0004);
  book.start(grantOf('7'), 10);
  book.start(grantOf('8'), 100);
  assert.equal(book.isUrgent, false);
  book.giveBack(grantOf('7'));
  assert.equal(book.isUrgent, true);
  assert.deepEqual(book.take(), [
    { slot: '7', jobs: 2, byUs: 1_000_020_001 },
    { slot: '7', jobs: 1, byUs: null },
    { slot: '8', jobs: 1, byUs: 1_000_100_000 },
  ]);
  assert.deepEqual([book.take(), book.isUrgent], [[], false]);
  book.start(grantOf('9'), 101);
  assert.equal(book.isUrgent, true, 'later than was allowed');
});

test('the tolerance follows the period within bounds, and what starts take', () => {
  const book = new TokenBook();
  const of = (periodMs: number) => book.toleranceMs({ jobs: 1, periodMs });
  assert.equal(book.toleranceMs(null), 0);
  assert.deepEqual([100, 1_000, 60_000].map(of), [5, 20, 250]);
  book.late(400);
  assert.equal(of(1_000), 800);
  book.late(1e9);
  assert.equal(of(1_000), 10_000);
  for (let answers = 0; answers < 200; answers += 1) book.fade();
  assert.equal(of(1_000), 20);
});
