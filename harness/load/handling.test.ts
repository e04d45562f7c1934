// Does a handler take its time, fail when it should, and keep the event loop alive while it computes?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobSchema } from '../../scenarios/job.ts';
import { FailedOnPurpose } from './failing.ts';
import { type HandlerFault, handlerOf } from './handling.ts';
import { JobTraits } from './job-traits.ts';

function handling(job: Parameters<typeof jobSchema.parse>[0], faults: readonly HandlerFault[] = []) {
  const parsed = jobSchema.parse(job);
  const drawn = { seed: 1, stream: 's', preloaded: 0, retries: true, rollbackShare: 0 };
  const traits = new JobTraits({ job: parsed, ...drawn });
  const clock = { us: 0 };
  const log: string[] = [];
  const handler = handlerOf({
    ...{ work: parsed.handler.time, traits, mayFail: traits.anyFails, faults, seed: 1, startUs: 0 },
    clock: () => clock.us,
    seen: ({ k }) => void log.push(`seen ${k}`),
    runs: {
      started: (key) => void log.push(`started ${key}`),
      ended: (key) => void log.push(`ended ${key}`),
    },
  });
  const call = async (key: number, attempt?: number): Promise<void> => {
    await handler({ k: key, t: 0, pad: '' }, attempt);
  };
  return { call, traits, clock, log };
}

test('poison throws at every attempt, and is noted as any other run', async () => {
  const { call, log } = handling({ poisonShare: 1 });
  for (const attempt of [1, 2]) await assert.rejects(call(4, attempt), FailedOnPurpose);
  assert.deepEqual(log.slice(0, 3), ['seen 4', 'started 4', 'ended 4']);
  const { call: slow, log: slowly } = handling({ poisonShare: 1, handler: { time: 'constant', ms: 5 } });
  await assert.rejects(slow(4), (error: unknown) => error instanceof Error && !error.stack?.includes('/'));
  assert.deepEqual(slowly, ['seen 4', 'started 4', 'ended 4']);
});

test('a fault makes handlers fail while it lasts, in its share, and before and after none', async () => {
  const { call, clock } = handling({}, [
    { fault: 'failing-handlers', atSeconds: 1, forSeconds: 2, share: 0.5 },
  ]);
  const failures = async (): Promise<number> => {
    const ended = await Promise.allSettled(Array.from({ length: 400 }, (_, key) => call(key)));
    return ended.filter(({ status }) => status === 'rejected').length;
  };
  assert.equal(await failures(), 0);
  clock.us = 1e6;
  const failed = await failures();
  assert.ok(failed > 150 && failed < 250, `${failed} of 400`);
  clock.us = 3e6;
  assert.equal(await failures(), 0);
});

test('a fault slows the jobs of one key alone, where it names one', async () => {
  const { call, traits } = handling({ keys: { count: 2 } }, [
    { fault: 'slow-handlers', atSeconds: 0, forSeconds: 9, addedMs: 30, key: 1 },
  ]);
  const keys = Array.from({ length: 20 }, (_, key) => key);
  const tookMs = await Promise.all(
    keys.map(async (key) => {
      const from = performance.now();
      await call(key);
      return performance.now() - from;
    }),
  );
  // Timers fire up to a millisecond early.
  for (const key of keys)
    if (traits.keyNumber(key) === 1) assert.ok((tookMs[key] ?? 0) > 28, `${tookMs[key]} ms`);
  const others = keys.filter((key) => traits.keyNumber(key) === 0).map((key) => tookMs[key] ?? Number.NaN);
  assert.ok(Math.min(...others) < 28, `${others.join(', ')} ms`);
});

test('computing uses the processor for as long as it is to, and lets the event loop turn between two jobs', async () => {
  const { call } = handling({ handler: { time: 'cpu', ms: 5 } });
  let turns = 0;
  const counting = setInterval(() => (turns += 1), 0);
  const before = process.threadCpuUsage();
  await Promise.all([0, 1, 2, 3, 4].map((key) => call(key)));
  const { user, system } = process.threadCpuUsage(before);
  clearInterval(counting);
  assert.ok(user + system >= 25_000, `${user + system} µs`);
  assert.ok(turns >= 4, `${turns} turns`);
});
