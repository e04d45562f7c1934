// Does a producer count the enqueues that find its connections busy, and tell of one only once the ledger holds it?

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LedgerWriter, RECORD, RECORD_BYTES } from '../measure/ledger-writer.ts';
import { type AgentCounters, newCounters } from '../measure/recorder.ts';
import { openAlarm } from './alarm.ts';
import { nowUs } from './clock.ts';
import { Delays } from './delays.ts';
import { arrivalPhases } from './phases.ts';
import { produce } from './producing.ts';
import { Workload } from './workload.ts';

/** 20 jobs, none of which is answered before the last one is sent. */
async function produced(
  t: TestContext,
  connections: number,
  onEnqueued?: (latencyUs: number, ledgerSoFar: Buffer) => void,
): Promise<AgentCounters> {
  const path = mkdtempSync(join(tmpdir(), 'claimbench-producing-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  using ledger = new LedgerWriter(join(path, 'ledger'));
  using alarm = await openAlarm('thread', () => undefined);
  const counters = newCounters();
  const answers = Promise.withResolvers<void>();
  let asked = 0;
  await produce({
    role: {
      kind: 'producer',
      connections,
      pacing: 'thread',
      priority: 'normal',
      firstKey: 0,
      lateCommits: [],
      load: {
        loop: 'open',
        phases: arrivalPhases({
          phases: [
            {
              label: 'x',
              seconds: 0.02,
              measured: true,
              arrival: { model: 'uniform', ratePerSec: 1_000 },
              faults: [],
            },
          ],
        }),
        seed: 1,
        stream: 'test',
      },
    },
    producer: {
      enqueue() {
        asked += 1;
        if (asked === 20) answers.resolve();
        return answers.promise;
      },
      async [Symbol.asyncDispose]() {},
    },
    workload: new Workload(100, [0]),
    delays: new Delays([0], 0),
    alarm,
    ledger,
    counters,
    startUs: nowUs(),
    signal: AbortSignal.timeout(10_000),
    onError: () => undefined,
    ...(onEnqueued === undefined
      ? {}
      : {
          onEnqueued: (latencyUs) => {
            ledger.flush();
            onEnqueued(latencyUs, readFileSync(join(path, 'ledger')));
          },
        }),
  });
  return counters;
}

test('an enqueue beyond the producer’s connections waits in its pool, and is counted', async (t) => {
  assert.deepEqual(await produced(t, 2), { ...newCounters(), sent: 20, poolWaits: 18, enqueued: 20 });
  assert.deepEqual(await produced(t, 19), { ...newCounters(), sent: 20, poolWaits: 1, enqueued: 20 });
  assert.deepEqual(await produced(t, 20), { ...newCounters(), sent: 20, poolWaits: 0, enqueued: 20 });
});

test('a confirmed enqueue is told of behind its record, with the very instants of it', async (t) => {
  const told: number[] = [];
  await produced(t, 20, (latencyUs, ledgerSoFar) => {
    const last = ledgerSoFar.subarray(-RECORD_BYTES);
    assert.equal(last[0], RECORD.enqueueDone);
    assert.equal(last.readUInt32LE(4), told.length, 'of this job, not of one before');
    assert.equal(latencyUs, last.readDoubleLE(8) - last.readDoubleLE(16));
    told.push(latencyUs);
  });
  assert.equal(told.length, 20);
});
