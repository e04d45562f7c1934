// Are many signals made few, with none late and none lost?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Coalescer, type Timers } from './coalescer.ts';

/** A clock that moves only when told to. */
class FakeClock implements Timers {
  nowMs = 0;
  #due: { atMs: number; work: () => void }[] = [];

  schedule(work: () => void, delayMs: number): () => void {
    const entry = { atMs: this.nowMs + delayMs, work };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.#due.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.nowMs = next.atMs;
      next.work();
    }
    this.nowMs = endMs;
  }

  get pending(): number {
    return this.#due.length;
  }
}

function bench(windowMs = 5) {
  const clock = new FakeClock();
  const sent: string[] = [];
  const coalescer = new Coalescer(windowMs, (key) => sent.push(`${key}@${clock.nowMs}`), clock);
  return { clock, sent, coalescer };
}

test('a lone signal is sent at once, and nothing follows', () => {
  const { clock, sent, coalescer } = bench();
  coalescer.signal('a');
  assert.deepEqual(sent, ['a@0']);
  clock.advance(100);
  assert.deepEqual(sent, ['a@0']);
  assert.equal(clock.pending, 0);
});

test('a burst is sent at its start and after its last signal, at most once per window', () => {
  const { clock, sent, coalescer } = bench();
  for (let i = 0; i < 120; i += 1) {
    coalescer.signal('a');
    clock.advance(0.1);
  }
  clock.advance(100);
  assert.deepEqual(sent, ['a@0', 'a@5', 'a@10', 'a@15']);
});

test('a signal after a quiet window is a leading one again', () => {
  const { clock, sent, coalescer } = bench();
  coalescer.signal('a');
  clock.advance(6);
  coalescer.signal('a');
  assert.deepEqual(sent, ['a@0', 'a@6']);
});

test('a signal that its caller sends opens a window for what follows, and none is taken within', () => {
  const { clock, sent, coalescer } = bench();
  assert.equal(coalescer.take('a'), true);
  assert.equal(coalescer.take('a'), false);
  clock.advance(5);
  assert.deepEqual(sent, [], 'nothing was due');
  assert.equal(coalescer.take('a'), true);
  coalescer.signal('a');
  clock.advance(5);
  assert.deepEqual(sent, ['a@10']);
});

test('keys do not wait for each other', () => {
  const { sent, coalescer } = bench();
  coalescer.signal('a');
  coalescer.signal('b');
  assert.deepEqual(sent, ['a@0', 'b@0']);
});

test('flush sends what is due and leaves no timer', () => {
  const { clock, sent, coalescer } = bench();
  coalescer.signal('a');
  coalescer.signal('a');
  coalescer.signal('b');
  coalescer.flush();
  assert.deepEqual(sent, ['a@0', 'b@0', 'a@0']);
  assert.equal(clock.pending, 0);
});
