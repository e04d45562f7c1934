// Are generator and server put on cores of their own, and only where that was asked for or does no harm?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { UsageError } from '../errors.ts';
import { parseAllowed } from '../measure/processors.ts';
import {
  canPinProcesses,
  formatCpuList,
  type PinningGround,
  parsePinWish,
  pinApart,
  pinOneEach,
  pinThisProcess,
  planPinning,
} from './pinning.ts';

function ground(allowed: readonly number[], more: Partial<PinningGround> = {}): PinningGround {
  return { processors: { allowed }, canPin: true, own: true, ...more };
}

function refused(work: () => unknown, said: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, said);
    assert.ok(!error.message.includes('\n'));
    return true;
  });
}

test('the option names two sides, or auto, or off', () => {
  assert.deepEqual(parsePinWish('0:1'), { server: [0], agents: [1] });
  assert.deepEqual(parsePinWish('0-1:2-3,5'), { server: [0, 1], agents: [2, 3, 5] });
  assert.equal(parsePinWish('auto'), 'auto');
  assert.equal(parsePinWish('off'), 'off');
});

test('anything else is refused with the mend', () => {
  for (const text of ['', 'on', '0', ':', '0:', ':1', '0:1:2', 'a:b', '3-1:0', '0 1'])
    refused(() => parsePinWish(text), /give auto, off, or SERVER:AGENTS such as 0:1/);
  refused(() => parsePinWish('0-2:2-3'), /core 2 is on both sides/);
});

test('cores that cannot be had are refused, and the choice is named', () => {
  refused(() => planPinning({ server: [0], agents: [7] }, ground([0, 1, 2])), /core 7 .* choose among 0-2/);
  const wish = { server: [0], agents: [1] };
  refused(() => planPinning(wish, ground([0, 1], { own: false })), /at an address: leave --pin out/);
  refused(() => planPinning(wish, ground([0, 1], { canPin: false })), /needs Linux with taskset/);
  assert.deepEqual(planPinning(wish, ground([0, 1])), wish);
});

test('auto pins apart from four cores on, and never a server at an address', () => {
  assert.equal(planPinning('auto', ground([0, 1])), undefined);
  assert.equal(planPinning('auto', ground([0, 1, 2])), undefined);
  assert.deepEqual(planPinning('auto', ground([0, 1, 2, 3])), { server: [0, 1], agents: [2, 3] });
  assert.equal(planPinning('auto', ground([0, 1, 2, 3], { own: false })), undefined);
  assert.equal(planPinning('auto', ground([0, 1, 2, 3], { canPin: false })), undefined);
  assert.equal(planPinning('off', ground([0, 1, 2, 3])), undefined);
});

test('auto counts what control groups grant, not what the machine has', () => {
  const processors = { allowed: [0, 1, 2, 3, 4, 5], quota: 2 };
  assert.equal(planPinning('auto', { processors, canPin: true, own: true }), undefined);
});

test('threads of one core stay on one side', () => {
  const processors = {
    allowed: [0, 1, 2, 3],
    cores: [
      [0, 2],
      [1, 3],
    ],
  };
  assert.deepEqual(pinApart(processors), { server: [0, 2], agents: [1, 3] });
  assert.deepEqual(pinApart({ allowed: [0, 1], cores: [[0, 1]] }), { server: [0], agents: [1] });
  assert.equal(pinApart({ allowed: [0] }), undefined);
});

test('one core each is never two threads of the same', () => {
  const processors = {
    allowed: [0, 1, 2, 3],
    cores: [
      [0, 1],
      [2, 3],
    ],
  };
  assert.deepEqual(pinOneEach(processors, true), { server: [0], agents: [2] });
  assert.equal(pinOneEach(processors, false), undefined);
  assert.equal(pinOneEach({ allowed: [0] }, true), undefined);
});

test('a list of cores is written as Linux writes it', () => {
  assert.equal(formatCpuList([0, 1, 2, 5, 7, 8]), '0-2,5,7-8');
  assert.equal(formatCpuList([3]), '3');
});

test('every thread of this process is bound, and freed again', { skip: cannotBind() }, () => {
  const before = allowedHere();
  const [first = 0] = before;
  const free = pinThisProcess([first], before);
  try {
    assert.deepEqual(allowedHere(), [first]);
    const child = spawnSync('grep', ['Cpus_allowed_list', '/proc/self/status'], { encoding: 'utf8' });
    assert.deepEqual(parseAllowed(child.stdout), [first], 'what it starts is bound with it');
  } finally {
    free();
  }
  assert.deepEqual(allowedHere(), before);
});

function allowedHere(): number[] {
  return parseAllowed(readFileSync('/proc/self/status', 'utf8')) ?? [];
}

function cannotBind(): string | false {
  if (!canPinProcesses()) return 'needs Linux with taskset';
  return allowedHere().length < 2 ? 'needs two cores' : false;
}
