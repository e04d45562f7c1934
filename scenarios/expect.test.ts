// Is every expectation read as it was meant, and every wrong one told where it is wrong?

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Expectation, readExpectation, withUnit } from './expect.ts';
import { CELL_FIGURES, PHASE_FIGURES, SHORT_NAMES } from './figures.ts';

const LABELS = ['clean', 'held', 'recovery', 'after the fault'];

function good(text: string): Expectation {
  const read = readExpectation(text, LABELS);
  if ('misreading' in read) assert.fail(read.misreading.problem);
  return read;
}

function problem(text: string, labels: readonly string[] = LABELS): string {
  const read = readExpectation(text, labels);
  if (!('misreading' in read)) assert.fail(`${text} was read`);
  return read.misreading.problem;
}

/** Path, phase, operator and value. */
function said(text: string): unknown[] {
  const { figure, op, limit } = good(text);
  return [figure.path, figure.phase, op, limit.kind === 'value' ? limit.value : limit];
}

test('a figure is held against a value in its own unit, whatever unit was written', () => {
  assert.deepEqual(said('lost = 0'), ['audit.lost', undefined, '=', 0]);
  assert.deepEqual(said('pickup.p99 < 50 ms'), ['latencyUs.pickup.p99', undefined, '<', 50_000]);
  assert.deepEqual(said('pickup.p99<50ms'), ['latencyUs.pickup.p99', undefined, '<', 50_000]);
  assert.deepEqual(said('  response.max ≤ 1.5 s '), ['latencyUs.response.max', undefined, '<=', 1_500_000]);
  assert.deepEqual(said('pickup.p50 <= 700 µs'), ['latencyUs.pickup.p50', undefined, '<=', 700]);
  assert.deepEqual(said('pickup.p50 <= 700 us'), ['latencyUs.pickup.p50', undefined, '<=', 700]);
  assert.deepEqual(said('cost.walBytesPerJob < 1 kB'), ['cost.walBytesPerJob', undefined, '<', 1_000]);
  assert.deepEqual(said('walBytesPerJob < 0.1 MB'), ['cost.walBytesPerJob', undefined, '<', 100_000]);
  assert.deepEqual(said('settled ≥ 200 /s'), ['throughput.settledPerSec', undefined, '>=', 200]);
  assert.deepEqual(said('settled >= 200'), ['throughput.settledPerSec', undefined, '>=', 200]);
  assert.deepEqual(said('jobs.settled > 1e3'), ['jobs.settled', undefined, '>', 1_000]);
  assert.deepEqual(said('during >= 95 %'), ['recovery.during.share', undefined, '>=', 0.95]);
  assert.deepEqual(said('during >= 0.95'), ['recovery.during.share', undefined, '>=', 0.95]);
  assert.deepEqual(said('recovery.regainedSeconds <= 500 ms'), [
    'recovery.regainedSeconds',
    undefined,
    '<=',
    0.5,
  ]);
});

test("a label before it makes it the phase's figure; the recovery of a cell is none", () => {
  assert.deepEqual(said('held.pickup.p99 < 1 s'), ['phases.*.pickupUs.p99', 1, '<', 1e6]);
  assert.deepEqual(said('"after the fault".settled > 1'), ['phases.*.settledPerSec', 3, '>', 1]);
  assert.deepEqual(said('after-the-fault.backlog < 10'), ['phases.*.backlogMax', 3, '<', 10]);
  assert.equal(good('recovery.settled > 1').figure.phase, 2);
  assert.equal(good('recovery.drainSeconds < 1 s').figure.path, 'recovery.drainSeconds');
  assert.equal(good('recovery.settled > 1').about.includes('recovery'), false);
  assert.equal(good('drained < 1 s').about.includes('recovery'), true);
});

test('a figure is held against a multiple of another, in units that agree', () => {
  const { figure, limit } = good('held.pickup.p99 < 10 x clean.pickup.p99');
  assert.equal(figure.phase, 1);
  assert.ok(limit.kind === 'figure');
  assert.equal(limit.factor, 10);
  assert.equal(limit.figure.phase, 0);
  for (const sign of ['x', '*', '×'])
    assert.equal(good(`recovery.settled >= 0.95 ${sign} clean.settled`).limit.kind, 'figure');
  assert.equal(good('recovery.settled >= 0.95x clean.settled').limit.kind, 'figure');
  assert.deepEqual(good('settled >= offered').limit, {
    kind: 'figure',
    factor: 1,
    figure: { text: 'offered', path: 'throughput.offeredPerSec', unit: 'perSec' },
  });
  const seconds = good('drained < 2 x pickup.p99').limit;
  assert.ok(seconds.kind === 'figure');
  assert.equal(seconds.factor, 2e-6, 'µs to seconds');
});

test('how soon the baseline is regained has a sentence of its own', () => {
  const expected = ['recovery.regainedSeconds', undefined, '<=', 30];
  assert.deepEqual(said('settled >= 0.95 x baseline within 30 s after recovery'), expected);
  assert.deepEqual(said('settled ≥ 0.95 × baseline within 30 s after the last fault'), expected);
  assert.deepEqual(said('settled >= 0.95 x baseline within 30000 ms'), expected);
  assert.match(
    problem('settled >= 0.9 x baseline within 30 s'),
    /'within' goes with 'settled >= 0.95 x baseline' alone/,
  );
  assert.match(problem('pickup.p99 < 5 ms within 30 s'), /'within' goes with/);
});

test('a wrong one is told what is wrong, where, and how it is written', () => {
  assert.match(problem(''), /no figure to begin with; write 'lost = 0'/);
  assert.match(problem('= 0'), /no figure to begin with/);
  assert.match(problem('lost'), /behind 'lost': one of < <= = >= > is missing/);
  assert.match(problem('lost ! 0'), /is missing/);
  assert.match(problem('lost ='), /behind 'lost =': a value is missing: a number without a unit/);
  assert.match(
    problem('pickup.p99 < 50'),
    /behind 'pickup.p99 <': pickup.p99 is a time in µs, ms or s, as in 50 ms/,
  );
  assert.match(problem('pickup.p99 < 50 kB'), /not in 'kB', but a time/);
  assert.match(problem('lost = 0 ms'), /not in 'ms', but a number without a unit/);
  assert.match(problem('settled > 5 ms'), /a rate, as in 200 or 200 \/s/);
  assert.match(problem('walBytesPerJob < 5'), /a size in B, kB or MB/);
  assert.match(problem('lost = -1'), /a value is missing/);
  assert.match(
    problem('pickup.p99 < 10 x settled'),
    /settled is a rate and pickup.p99 a time: they cannot be compared/,
  );
  assert.match(problem('settled >= offered always'), /'always' is too much/);
  assert.match(problem('a.settled > 1', ['a', 'a']), /2 phases are called a/);
});

test('an unknown figure comes with those that it may have been', () => {
  const of = (text: string) => {
    const read = readExpectation(text, LABELS);
    return 'misreading' in read ? read.misreading : assert.fail();
  };
  const misspelt = of('pikup.p99 < 1 ms');
  assert.equal(misspelt.unknown, 'pikup.p99');
  assert.ok(misspelt.known?.includes('pickup.p99'));
  assert.ok(misspelt.known?.includes('held.settled'));
  assert.deepEqual(
    of('held.p99 < 1 ms').known,
    [...PHASE_FIGURES.keys()].map((one) => `held.${one}`),
  );
  assert.match(of('"no such phase".settled > 1').problem, /there is no figure "no such phase".settled/);
});

test('whatever is written is read or told apart, and what is read says the same again', () => {
  const figure = fc.constantFrom(
    ...CELL_FIGURES.keys(),
    'held.settled',
    '"after the fault".pickup.p50',
    'nothing',
  );
  const op = fc.constantFrom('<', '<=', '=', '>=', '>', '≤', '≥', '!', '');
  const value = fc.oneof(
    fc
      .tuple(
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.constantFrom('', ' ms', ' s', ' kB', ' %', ' /s'),
      )
      .map(([n, u]) => `${n}${u}`),
    figure.map((name) => `2 x ${name}`),
    fc.string({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(fc.tuple(figure, op, value), ([left, sign, right]) => {
      const read = readExpectation(`${left} ${sign} ${right}`, LABELS);
      if ('misreading' in read) return read.misreading.problem.length > 0;
      const { limit } = read;
      return limit.kind === 'figure' ? limit.factor > 0 : Number.isFinite(limit.value) && limit.value >= 0;
    }),
  );
});

test('a share without its sign is refused, where it would hold always or never', () => {
  assert.match(problem('during >= 95'), /during is a share: write 95 % where that is meant/);
  good('during >= 95 %');
  good('during <= 1.5');
});

test('a value is shown in a unit that people read', () => {
  assert.equal(withUnit(3_210, 'us'), '3.21 ms');
  assert.equal(withUnit(12, 'us'), '12 µs');
  assert.equal(withUnit(1.5, 's'), '1.5 s');
  assert.equal(withUnit(0.2, 's'), '200 ms');
  assert.equal(withUnit(1_234, 'bytes'), '1.234 kB');
  assert.equal(withUnit(0.621, 'share'), '62.1 %');
  assert.equal(withUnit(99.5, 'perSec'), '99.5 /s');
  assert.equal(withUnit(3, 'count'), '3');
});

test('the documentation names every short name, and its examples are read', () => {
  const doc = readFileSync(new URL('../docs/expectations.md', import.meta.url), 'utf8');
  for (const name of SHORT_NAMES.keys()) {
    const [first = '', ...rest] = name.split('.');
    const last = rest.at(-1);
    assert.ok(doc.includes(`\`${first}`) || doc.includes(`\`${name}`), name);
    if (last !== undefined) assert.ok(doc.includes(`.${last}\``) || doc.includes(`\`${last}\``), name);
  }
  const [, block = ''] = /expect: \[\n([\s\S]*?)\n\]/.exec(doc) ?? [];
  const examples = [...block.matchAll(/'([^']+)'/g)].map(([, text = '']) => text);
  assert.equal(examples.length, 5);
  for (const text of examples) good(text);
});
