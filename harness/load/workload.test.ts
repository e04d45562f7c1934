// Has every job the size, the priority and the identity that the scenario asks for?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { Workload } from './workload.ts';

test('a payload is as long as asked for, whatever its key and instant', () => {
  const workload = new Workload(100, [0]);
  for (const [key, intendedUs] of [
    [0, 0],
    [9, 9.4],
    [10, 123_456_789_012.7],
    [9_999_999, 9_999_999_999_999.9],
  ] as const) {
    const job = workload.job(key, intendedUs);
    assert.equal(JSON.stringify(job.payload).length, 100);
    assert.equal(job.key, key);
    assert.equal(job.payload.k, key);
    assert.equal(job.payload.t, Math.round(intendedUs));
  }
});

test('the smallest payload that a scenario allows holds the largest key and two years of uptime', () => {
  const job = new Workload(48, [0]).job(9_999_999, 2 * 365 * 86_400e6);
  assert.equal(JSON.stringify(job.payload).length, 48);
});

test('priorities come in turn, by the key', () => {
  const workload = new Workload(48, [5, 0, -3]);
  assert.deepEqual(
    [...workload.preload(7)].map((job) => job.priority),
    [5, 0, -3, 5, 0, -3, 5],
  );
  assert.equal(workload.job(4, 1).priority, workload.priorityOf(4));
});

test('a preload has the keys 0 … n − 1 and no instant of its own', () => {
  const jobs = [...new Workload(48, [0]).preload(1_000)];
  assert.deepEqual(
    jobs.map((job) => job.key),
    Array.from({ length: 1_000 }, (_, i) => i),
  );
  assert.ok(jobs.every((job) => job.payload.t === 0));
});

test('a job of a trace has its own priority and size, where it says so', () => {
  const workload = new Workload(100, [3]);
  assert.equal(workload.job(0, 1, { priority: -2 }).priority, -2);
  assert.equal(workload.job(0, 1, { payloadBytes: 60 }).priority, 3);
  for (let payloadBytes = 48; payloadBytes < 400; payloadBytes += 1)
    assert.equal(JSON.stringify(workload.job(7, 1e9, { payloadBytes }).payload).length, payloadBytes);
});

test('payloads of neighbours do not compress, and are the same each time', () => {
  const pads = (): string => [...new Workload(148, [0]).preload(300)].map((job) => job.payload.pad).join('');
  assert.equal(pads(), pads());
  // 64 characters hold six bits of eight.
  assert.ok(deflateSync(pads()).length > 0.74 * pads().length);
});

test('a pad may be longer than what pads are cut from', () => {
  for (const size of [524_288, 524_389, 1_300_000])
    for (const key of [0, 1, 213, 99_999])
      assert.equal(JSON.stringify(new Workload(size, [0]).job(key, 0).payload).length, size);
});
