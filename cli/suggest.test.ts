// Is the nearest right word offered, and a far one not?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suggestion } from './suggest.ts';

const KNOWN = ['drain', 'steady', 'burst', 'worker-crash', 'worker-stall'];

test('a slip of the hand is mended: the nearest word', () => {
  for (const [wrong, right] of [
    ['drian', 'drain'],
    ['Drain', 'drain'],
    ['stedy', 'steady'],
    ['bursts', 'burst'],
    ['worker-stal', 'worker-stall'],
    ['worker_crash', 'worker-crash'],
    ['workerstall', 'worker-stall'],
  ] as const)
    assert.equal(suggestion(wrong, KNOWN), `; did you mean ${right}?`, wrong);
});

test('a word far from all gets the list', () => {
  for (const wrong of ['latency', 'rabbitmq', 'x-y-z-0-1'])
    assert.equal(suggestion(wrong, KNOWN), `; there are: ${KNOWN.join(', ')}`);
});

test('the order of what is known does not decide', () => {
  for (const known of [KNOWN, KNOWN.toReversed()])
    assert.equal(suggestion('worker-cras', known), '; did you mean worker-crash?');
});
