// Does the search ask for the right rates, end within its bounds, and say no more than it was told?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from './random.ts';
import { type ProbeWish, type RateInterval, type RateSearchOptions, searchRate } from './rate-search.ts';

type Outcome = 'pass' | 'fail' | 'unclear' | 'void';

const OPTIONS: RateSearchOptions = { startPerSec: 100, minPerSec: 1, maxPerSec: 10_000 };

function drive(
  outcomeOf: (wish: ProbeWish, number: number) => Outcome,
  options: Partial<RateSearchOptions> = {},
): { interval: RateInterval; wishes: ProbeWish[] } {
  const wishes: ProbeWish[] = [];
  const search = searchRate({ ...OPTIONS, ...options });
  let step = search.next();
  while (!step.done) {
    wishes.push(step.value);
    assert.ok(wishes.length <= 1_000, 'the search does not end');
    step = search.next(outcomeOf(step.value, wishes.length));
  }
  return { interval: step.value, wishes };
}

const below =
  (limit: number) =>
  ({ ratePerSec }: ProbeWish): Outcome =>
    ratePerSec <= limit ? 'pass' : 'fail';

test('brackets by two, bisects, and confirms both ends by long loads', () => {
  for (const limit of [3, 99, 100, 101, 333, 7_000]) {
    const { interval, wishes } = drive(below(limit));
    assert.equal(interval.state, 'bracketed');
    const [pass, fail] = [interval.passPerSec ?? Number.NaN, interval.failPerSec ?? Number.NaN];
    assert.ok(pass <= limit && limit < fail && fail / pass <= 1.05, `${pass} … ${fail} for ${limit}`);
    assert.deepEqual([interval.passConfirmed, interval.failConfirmed], [true, true]);
    const confirmations = wishes.filter(({ purpose }) => purpose === 'confirm');
    assert.deepEqual(
      confirmations.map((wish) => [wish.ratePerSec, wish.long]),
      [
        [pass, true],
        [pass, true],
        [fail, true],
      ],
    );
    assert.ok(wishes.length <= 17, `${wishes.length} probes`);
  }
});

test('the first rates are doubled, or halved, until both ends are there', () => {
  const rates = drive(below(700)).wishes.map(({ ratePerSec }) => ratePerSec);
  assert.deepEqual(rates.slice(0, 4), [100, 200, 400, 800]);
  const down = drive(below(30)).wishes.map(({ ratePerSec }) => ratePerSec);
  assert.deepEqual(down.slice(0, 3), [100, 50, 25]);
});

test('a queue that never passes, and one that holds everything', () => {
  const none = drive(() => 'fail', { minPerSec: 20 });
  assert.deepEqual([none.interval.state, none.interval.failPerSec], ['no pass', 20]);
  assert.equal(none.interval.failConfirmed, true);
  assert.equal(none.interval.passPerSec, undefined);
  const all = drive(() => 'pass', { maxPerSec: 900 });
  assert.deepEqual([all.interval.state, all.interval.passPerSec], ['no fail', 900]);
  assert.deepEqual([all.interval.passConfirmed, all.interval.failConfirmed], [true, false]);
  assert.ok(all.wishes.every(({ ratePerSec }) => ratePerSec <= 900));
});

test('an unclear rate is tried once more by a long load, and moves neither end', () => {
  const { interval, wishes } = drive(({ ratePerSec }) => {
    if (ratePerSec < 180) return 'pass';
    return ratePerSec > 220 ? 'fail' : 'unclear';
  });
  const [pass, fail] = [interval.passPerSec ?? Number.NaN, interval.failPerSec ?? Number.NaN];
  assert.ok(pass < 180 && fail > 220);
  const [lowest, highest] = [interval.unclearPerSec[0] ?? 0, interval.unclearPerSec.at(-1) ?? 0];
  assert.ok(lowest / pass <= 1.05 && fail / highest <= 1.05, `${pass} ${lowest} ${highest} ${fail}`);
  for (const ratePerSec of interval.unclearPerSec) {
    const loads = wishes.filter((wish) => wish.ratePerSec === ratePerSec);
    assert.deepEqual(
      loads.map(({ long, purpose }) => [long, purpose === 'repeat']),
      [
        [false, false],
        [true, true],
      ],
    );
  }
});

test('an unclear rate that a long load can tell is an end, and confirmed', () => {
  const { interval } = drive((wish) =>
    !wish.long && Math.abs(wish.ratePerSec - 150) < 20 ? 'unclear' : below(150)(wish),
  );
  assert.equal(interval.state, 'bracketed');
  assert.ok((interval.failPerSec ?? 0) / (interval.passPerSec ?? 0) <= 1.05);
  assert.deepEqual(interval.unclearPerSec, []);
});

test('a void rate is tried twice, and never called a fail', () => {
  const { interval, wishes } = drive(({ ratePerSec }) => (ratePerSec <= 300 ? 'pass' : 'void'));
  assert.equal(interval.state, 'unmeasurable');
  assert.ok((interval.passPerSec ?? 0) > 285 && interval.passConfirmed);
  assert.equal(interval.failPerSec, undefined);
  assert.ok(interval.unmeasurablePerSec.includes(400));
  assert.equal(wishes.filter(({ ratePerSec }) => ratePerSec === 400).length, 2);
});

test('what fails below the void is found', () => {
  const { interval } = drive((wish) => (wish.ratePerSec >= 390 ? 'void' : below(300)(wish)));
  assert.equal(interval.state, 'bracketed');
  assert.ok((interval.passPerSec ?? 0) <= 300 && (interval.failPerSec ?? 0) > 300);
});

test('a fail with nothing but void or unclear loads below it is no proof that no rate holds', () => {
  for (const untold of ['void', 'unclear'] as const) {
    const { interval } = drive(({ ratePerSec }) => (ratePerSec >= 100 ? 'fail' : untold), { minPerSec: 10 });
    assert.deepEqual([interval.state, interval.passPerSec], ['unmeasurable', undefined], untold);
    assert.ok((interval.failPerSec ?? 0) >= 100);
  }
});

test('a rate that could not be told is told of, also where more than it passed', () => {
  const { interval } = drive((wish) => (wish.ratePerSec === 200 ? 'unclear' : below(300)(wish)));
  assert.equal(interval.state, 'bracketed');
  assert.ok((interval.passPerSec ?? 0) > 250);
  assert.deepEqual(interval.unclearPerSec, [200]);
});

test('all void: nothing is claimed', () => {
  const { interval, wishes } = drive(() => 'void', { minPerSec: 10 });
  assert.equal(interval.state, 'unmeasurable');
  assert.deepEqual([interval.passPerSec, interval.failPerSec], [undefined, undefined]);
  assert.equal(wishes.length, 10);
  assert.deepEqual(interval.unmeasurablePerSec, [10, 12.5, 25, 50, 100]);
});

test('all unclear, or unclear and void: nothing is claimed either', () => {
  for (const outcomeOf of [
    () => 'unclear' as const,
    (_: ProbeWish, n: number) => (n % 3 ? 'unclear' : 'void'),
  ] as const) {
    const { interval } = drive(outcomeOf, { minPerSec: 10 });
    assert.equal(interval.state, 'unmeasurable');
    assert.deepEqual([interval.passPerSec, interval.failPerSec], [undefined, undefined]);
  }
});

test('one void load does not spoil a rate', () => {
  const { interval } = drive((wish, number) => (number % 3 === 0 ? 'void' : below(333)(wish)));
  assert.equal(interval.state, 'bracketed');
  assert.ok((interval.passPerSec ?? 0) <= 333 && (interval.failPerSec ?? 0) > 333);
});

test('an end that its confirmation refutes moves, and the search goes on', () => {
  // Short loads are too kind: only long ones show what happens above 300.
  const kind = drive((wish) => below(wish.long ? 300 : 420)(wish), { maxProbes: 60 });
  assert.ok((kind.interval.passPerSec ?? 0) <= 300 && (kind.interval.failPerSec ?? 0) > 300);
  assert.deepEqual([kind.interval.passConfirmed, kind.interval.failConfirmed], [true, true]);
  // And too harsh.
  const harsh = drive((wish) => below(wish.long ? 300 : 200)(wish), { maxProbes: 60 });
  assert.ok((harsh.interval.passPerSec ?? 0) <= 300 && (harsh.interval.failPerSec ?? 0) > 300);
  assert.deepEqual([harsh.interval.passConfirmed, harsh.interval.failConfirmed], [true, true]);
});

test('answers at random: bounded, never beyond an end, no rate more than needed, and the pass below the fail', () => {
  const OUTCOMES: readonly Outcome[] = ['pass', 'fail', 'unclear', 'void'];
  for (let seed = 0; seed < 2_000; seed += 1) {
    const random = seeded(seed);
    const standing = new Map<number, Outcome>();
    const asked: ProbeWish[] = [];
    const saidByLong = new Set<number>();
    const { interval, wishes } = drive((wish) => {
      const outcome = OUTCOMES[Math.floor(random() * OUTCOMES.length)] ?? 'void';
      for (const [rate, known] of standing) {
        assert.ok(
          known !== 'pass' || rate <= wish.ratePerSec,
          `seed ${seed}: ${wish.ratePerSec} below a pass`,
        );
        assert.ok(
          known !== 'fail' || rate >= wish.ratePerSec,
          `seed ${seed}: ${wish.ratePerSec} above a fail`,
        );
      }
      const known = standing.get(wish.ratePerSec);
      const disagrees = saidByLong.has(wish.ratePerSec) && known !== outcome;
      if (outcome !== 'void') {
        standing.set(wish.ratePerSec, disagrees ? 'unclear' : outcome);
        if (wish.long) saidByLong.add(wish.ratePerSec);
      }
      const same = asked.filter(
        ({ ratePerSec, long }) => ratePerSec === wish.ratePerSec && long === wish.long,
      );
      assert.ok(same.length < 6, `seed ${seed}: ${wish.ratePerSec} again and again`);
      asked.push(wish);
      return outcome;
    });
    assert.ok(wishes.length <= 60, `seed ${seed}: ${wishes.length} probes`);
    const { passPerSec = 0, failPerSec = Number.POSITIVE_INFINITY } = interval;
    assert.ok(passPerSec < failPerSec, `seed ${seed}: ${passPerSec} … ${failPerSec}`);
    if (interval.passPerSec !== undefined) assert.equal(standing.get(interval.passPerSec), 'pass');
    if (interval.failPerSec !== undefined) assert.equal(standing.get(interval.failPerSec), 'fail');
  }
});

test('the bounds hold: so many probes, and no longer than there is time', () => {
  const few = drive(below(333), { maxProbes: 4 });
  assert.deepEqual([few.interval.state, few.wishes.length], ['interrupted', 4]);
  assert.deepEqual([few.interval.passPerSec, few.interval.failPerSec], [282.8, 400]);
  assert.deepEqual([few.interval.passConfirmed, few.interval.failConfirmed], [false, false]);
  let left = 2;
  const short = drive(below(333), { budgetLeft: () => left-- > 0 });
  assert.deepEqual([short.interval.state, short.wishes.length], ['interrupted', 2]);
  assert.equal(drive(() => 'pass', { budgetLeft: () => false }).interval.passPerSec, undefined);
  // The last probe answered everything: complete, though no other would have been allowed.
  const exact = drive(below(333));
  const again = drive(below(333), { maxProbes: exact.wishes.length });
  assert.equal(again.interval.state, 'bracketed');
});

test('a start out of bounds is moved into them; bounds that make no sense are a bug', () => {
  assert.equal(drive(below(30), { maxPerSec: 60 }).wishes[0]?.ratePerSec, 60);
  assert.throws(() => drive(below(1), { minPerSec: 5, maxPerSec: 4 }), RangeError);
  assert.throws(() => drive(below(1), { minPerSec: 0 }), RangeError);
  assert.throws(() => drive(below(1), { resolution: 0 }), RangeError);
});
