// Does a job keep the error of each attempt that failed?

import assert from 'node:assert/strict';
import {
  type Check,
  claimOne,
  claimSoon,
  expireAndReap,
  findOne,
  QUEUE,
  serverMs,
  settleNext,
} from './bench.ts';

/** What no line of a log may be broken by, nor its JSON. */
const AWKWARD =
  'first line\nsecond "line"\r\n{"attempt" : 9, "at" : 1, "error" : "no"}\t\\n ünï☃😀 \0 \ud800';
/** The same as a text column holds it. */
const STORED = AWKWARD.toWellFormed().replace('\0', '\u{FFFD}');

/** This part of the suite, by the names of its tests. */
export const errorHistory: Readonly<Record<string, Check>> = {
  'each failed attempt leaves its error, with its number and its instant': async (bench) => {
    const startedMs = await serverMs(bench);
    const [id = ''] = await bench.enqueue({ maxAttempts: 3 });
    const session = await bench.open();
    for (const error of [AWKWARD, '', 'three']) {
      const [job] = await claimSoon(session, 1);
      assert(job);
      await session.settle([{ kind: 'release', job }]);
      const [again] = await claimSoon(session, 1);
      assert(again);
      const kind = again.attempt < again.maxAttempts ? 'retry' : 'dead-letter';
      await session.settle([{ kind, job: again, delayMs: 0, error }]);
    }
    const { errors, state } = await findOne(bench, id);
    assert.equal(state, 'dead');
    assert.deepEqual(
      errors.map(({ attempt, error }) => [attempt, error]),
      [
        [1, STORED],
        [2, ''],
        [3, 'three'],
      ],
    );
    const instants = [startedMs - 1_000, ...errors.map(({ atMs }) => atMs), (await serverMs(bench)) + 1_000];
    assert.deepEqual(
      instants,
      instants.toSorted((a, b) => a - b),
    );
  },

  'errors stay with a job while it waits, and while it runs': async (bench) => {
    const [id = ''] = await bench.enqueue({});
    await settleNext(bench, 1, (job) => ({ kind: 'retry', job, delayMs: 0, error: 'one' }));
    const errorsNow = async () => (await findOne(bench, id)).errors.map(({ error }) => error);
    assert.deepEqual(await errorsNow(), ['one'], 'ready');
    const session = await bench.open();
    await claimSoon(session, 1);
    assert.deepEqual(await errorsNow(), ['one'], 'leased');
  },

  'a lease that expires in the last attempt is an error like another': async (bench) => {
    const [id = ''] = await bench.enqueue({ maxAttempts: 3 });
    for (const error of ['one', 'two'])
      await settleNext(bench, 1, (job) => ({ kind: 'retry', job, delayMs: 0, error }));
    const job = await claimOne(await bench.open(), 50);
    assert.equal(job.attempt, 3);
    await expireAndReap(bench);
    const { state, errors } = await findOne(bench, id);
    assert.equal(state, 'dead');
    assert.deepEqual(
      errors.map(({ attempt, error }) => [attempt, error]),
      [
        [1, 'one'],
        [2, 'two'],
        [3, 'lease expired, held by tester'],
      ],
    );
  },

  'the latest errors are kept, within bounds, and the last one always': async (bench) => {
    const attempts = 14;
    const [id = ''] = await bench.enqueue({ maxAttempts: attempts });
    for (let attempt = 1; attempt <= attempts; attempt += 1)
      await settleNext(bench, 1, (job) => ({
        kind: attempt < attempts ? 'retry' : 'dead-letter',
        job,
        delayMs: 0,
        error: `${attempt}: ${(attempt < attempts ? 'x' : '\u0001').repeat(20_000)}`,
      }));
    const { errors } = await findOne(bench, id);
    const kept = errors.map(({ attempt }) => attempt);
    assert(kept.length > 1 && kept.length < attempts, `${kept.length} errors are kept`);
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, n) => attempts - kept.length + 1 + n),
    );
    for (const { attempt, error } of errors) assert.match(error, new RegExp(`^${attempt}: `));
    const characters = errors.reduce((sum, { error }) => sum + error.length, 0);
    assert(characters > 2_000 && characters <= 16_384, `${characters} characters are kept`);
    assert.equal((await bench.strategy.stats(bench.driver, QUEUE)).dead, 1);
  },
};
