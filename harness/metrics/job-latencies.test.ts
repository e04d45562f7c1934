// Are the latencies of an agent's jobs counted once each, from the right instants, and behind the recorder?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConsumerEvents } from '../contender.ts';
import type { Buckets } from './buckets.ts';
import { JobLatencies } from './job-latencies.ts';

function listening() {
  const clock = { us: 1_000_000 };
  const heard: string[] = [];
  let number = 0;
  const recorder: ConsumerEvents = {
    claimed: (_, __, keys) => heard.push(`claimed ${keys.join(' ')}`),
    settling: (_, keys) => {
      heard.push(`settling ${keys.join(' ')}`);
      number += 1;
      return number;
    },
    settled: (_, settle) => heard.push(`settled ${settle}`),
    settleFailed: (_, settle) => heard.push(`failed ${settle}`),
    emptyClaim: () => heard.push('empty'),
    overClaimed: () => heard.push('over'),
    sessionLost: () => heard.push('lost'),
    extended: () => undefined,
    error: () => heard.push('error'),
  };
  const latencies = new JobLatencies(() => clock.us);
  return { clock, heard, recorder, latencies, events: latencies.observe(recorder) };
}

function of({ counts, sumUs }: Buckets): { readonly count: number; readonly sumUs: number } {
  return { count: counts.reduce((x, y) => x + y, 0), sumUs };
}

test('pickup, service and response of a job that was due at an instant', () => {
  const { clock, latencies, events, heard } = listening();
  clock.us = 1_002_000;
  events.claimed(0, 1_001_000, [7], [1]);
  clock.us = 1_009_000;
  latencies.started({ k: 7, t: 1_000_500, pad: '' });
  clock.us = 1_010_000;
  const number = events.settling(0, [7], ['ack']);
  clock.us = 1_011_000;
  events.settled(0, number, []);
  const { pickup, service, response } = latencies.told();
  assert.deepEqual(of(pickup), { count: 1, sumUs: 1_500 }, 'up to the claim, not to the handler');
  assert.deepEqual(of(service), { count: 1, sumUs: 9_000 });
  assert.deepEqual(of(response), { count: 1, sumUs: 10_500 });
  assert.deepEqual(heard, ['claimed 7', 'settling 7', 'settled 1'], 'and the recorder hears all');
});

test('a preloaded job has service alone', () => {
  const { clock, latencies, events } = listening();
  events.claimed(0, 0, [1, 2], [1, 1]);
  for (const k of [1, 2]) latencies.started({ k, t: 0, pad: '' });
  clock.us += 400;
  events.settled(0, events.settling(0, [1, 2], ['ack', 'dead-letter']), []);
  const { pickup, service, response } = latencies.told();
  assert.deepEqual([of(pickup).count, of(service).count, of(response).count], [0, 2, 0]);
  assert.equal(service.sumUs, 800);
});

test('what is given back, refused or unanswered has not ended; a job that comes again counts by its last claim', () => {
  const { clock, latencies, events } = listening();
  events.claimed(0, 0, [1, 2, 3], [1, 1, 1]);
  clock.us += 50;
  events.settled(0, events.settling(0, [1], ['release']), []);
  const late = events.settling(0, [2], ['ack']);
  events.settleFailed(0, events.settling(0, [3], ['ack']), new Error('gone'));
  clock.us += 1_000;
  events.claimed(1, 0, [1, 2, 3], [2, 2, 2]);
  clock.us += 10;
  events.settled(0, late, [2]);
  assert.equal(of(latencies.told().service).count, 0);
  clock.us += 90;
  events.settled(1, events.settling(1, [1, 2, 3], ['ack', 'ack', 'ack']), []);
  assert.deepEqual(of(latencies.told().service), { count: 3, sumUs: 300 });
  events.settled(1, events.settling(1, [1], ['ack']), []);
  assert.equal(of(latencies.told().service).count, 3, 'and not once more');
});

test('the recorder comes first: its instants hold none of our work', () => {
  const { clock, latencies, events, recorder } = listening();
  clock.us = 1_000;
  let before: number | undefined;
  const first = latencies.observe({
    ...recorder,
    settled() {
      before = of(latencies.told().service).count;
    },
  });
  events.claimed(0, 0, [1], [1]);
  first.settled(0, first.settling(0, [1], ['ack']), []);
  assert.equal(before, 0);
  assert.equal(of(latencies.told().service).count, 1);
});

test('an enqueue counts with the latency that it is told with', () => {
  const { latencies } = listening();
  latencies.enqueued(700);
  latencies.enqueued(1_000);
  const { enqueue, pickup } = latencies.told();
  assert.deepEqual([of(enqueue), of(pickup).count], [{ count: 2, sumUs: 1_700 }, 0]);
});

test('told once a second at most, and at the end whatever the time', () => {
  const { clock, latencies } = listening();
  assert.equal(latencies.due(), undefined);
  clock.us += 999_999;
  assert.equal(latencies.due(), undefined);
  clock.us += 1;
  assert.ok(latencies.due() !== undefined);
  assert.equal(latencies.due(), undefined);
  assert.ok(latencies.told() !== undefined);
});
