// Does the plan of a call do what enqueueing its jobs one after another would?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DuplicateJobError } from '../errors.ts';
import type { NewJob, UniquePolicy } from '../strategy.ts';
import { type Holder, planUnique, uniqueName } from './unique-plan.ts';

const job = (key?: string, policy?: UniquePolicy, queue = 'q'): NewJob => ({
  queue,
  payload: 1,
  ...(key === undefined ? {} : { unique: { key, ...(policy === undefined ? {} : { policy }) } }),
});

test('a key is of its queue, and reject is what is meant when nothing is said', () => {
  const existing = new Map([[uniqueName('q', 'k'), { id: '7', waits: true }]]);
  assert.deepEqual(planUnique([job('k', undefined, 'other'), job()], existing).entering, [0, 1]);
  assert.throws(
    () => planUnique([job(), job('k')], existing),
    (error: unknown) => {
      assert(error instanceof DuplicateJobError);
      assert.deepEqual([error.queue, error.key, error.existingId], ['q', 'k', '7']);
      return true;
    },
  );
  assert.throws(() => planUnique([job('x'), job('x')], existing), { existingId: undefined });
});

test('who was ignored for a job stands for the one that replaces it', () => {
  const plan = planUnique([job('k'), job('k', 'ignore'), job('k', 'replace'), job('k', 'ignore')], new Map());
  assert.deepEqual(plan.entering, [2]);
  assert.deepEqual(plan.answers, [2, 2, 2, 2]);
  assert.deepEqual([...plan.holders], [[uniqueName('q', 'k'), 2]]);
});

/** What is there when each job is enqueued by itself, with ids `new 0`, `new 1`, …; `undefined` when one is rejected. */
function oneByOne(jobs: readonly NewJob[], existing: ReadonlyMap<string, Holder>) {
  const there = new Set<string>();
  const removed: string[] = [];
  const holders = new Map(existing);
  for (const [place, { queue, unique }] of jobs.entries()) {
    const id = `new ${place}`;
    if (unique !== undefined) {
      const name = uniqueName(queue, unique.key);
      const holder = holders.get(name);
      const { policy = 'reject' } = unique;
      if (holder !== undefined && policy === 'reject') return undefined;
      if (holder !== undefined && policy === 'ignore') continue;
      if (holder?.waits === true && !there.delete(holder.id)) removed.push(holder.id);
      holders.set(name, { id, waits: true });
    }
    there.add(id);
  }
  return { there: [...there], removed, holders };
}

test('for any call it leaves what single calls would leave', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const policy = fc.constantFrom<UniquePolicy>('reject', 'ignore', 'replace', 'replace', 'ignore');
  const jobs = fc.array(
    fc.oneof(
      fc.tuple(key, policy, fc.constantFrom('q', 'r')).map((parts) => job(...parts)),
      fc.constant(job()),
    ),
    { maxLength: 8 },
  );
  const holder = fc.record({ id: fc.constantFrom('1', '2', '3'), waits: fc.boolean() });
  const existing = fc.dictionary(fc.constantFrom('q\0a', 'q\0b', 'r\0a'), holder);
  fc.assert(
    fc.property(jobs, existing, (given, held) => {
      // No two keys have one holder.
      const holders = new Map(
        Object.entries(held).map(([name, one], n) => [name, { ...one, id: `old ${n}` }]),
      );
      const expected = oneByOne(given, holders);
      if (expected === undefined) {
        assert.throws(() => planUnique(given, holders), DuplicateJobError);
        return;
      }
      const plan = planUnique(given, holders);
      assert.deepEqual(
        plan.entering.map((place) => `new ${place}`),
        expected.there,
      );
      assert.deepEqual(plan.replaced, expected.removed);
      for (const [name, place] of plan.holders) assert.equal(expected.holders.get(name)?.id, `new ${place}`);
      for (const [name, one] of expected.holders)
        if (!plan.holders.has(name)) assert.equal(holders.get(name)?.id, one.id);
      for (const [place, answer] of plan.answers.entries()) {
        if (typeof answer === 'number') assert(plan.entering.includes(answer));
        const { queue, unique } = given[place] ?? job();
        // Every answer is a job that is there when the call is over: for a unique one, that which holds its key.
        if (unique === undefined) assert.equal(answer, place);
        else if (typeof answer === 'string')
          assert.equal(holders.get(uniqueName(queue, unique.key))?.id, answer);
      }
    }),
    { numRuns: 2_000 },
  );
});
