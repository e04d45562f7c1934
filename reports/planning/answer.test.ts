// Is every question answered, also those that ask the impossible, and by nothing but what was measured?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planSchema, predictionSchema, scalingSchema } from '../../harness/result/capacity.ts';
import type { PlanAnswer, PlanQuestion, Slo } from '../../harness/result/result.ts';
import { LINEAR, planned, question } from '../../testing/synthetic/capacity-world.ts';
import { planOf } from './answer.ts';
import type { PlanInput } from './input.ts';

const OUTAGE = { seconds: 60, recoverSeconds: 600 };
const ASKED = question({ ratePerSec: 60, outage: OUTAGE, bloatSeconds: 20, connections: 20 });
const { input: MEASURED } = await planned(ASKED);

function pickup(limitUs: number): Slo[] {
  return [{ of: 'pickup', percentile: 99, limitUs, text: `pickup.p99 < ${limitUs} µs` }];
}

/** Another question to the same measurements; every answer fits the schema of a bundle. */
function answer(
  words: Partial<PlanQuestion> = {},
  input: PlanInput = MEASURED,
  asked: PlanQuestion = ASKED,
): PlanAnswer {
  const found = planOf({ ...input, question: { ...asked, ...words } });
  const kept: unknown = JSON.parse(JSON.stringify(found.plan));
  if (found.scaling !== undefined) scalingSchema.parse(JSON.parse(JSON.stringify(found.scaling)));
  for (const prediction of found.predictions ?? []) predictionSchema.parse(prediction);
  return planSchema.parse(kept).answer;
}

/** The same where nobody asks for a transaction that stays open, which was measured with one number of handlers only. */
function unheld(words: Partial<PlanQuestion>): PlanAnswer {
  const { bloatSeconds: _bloatSeconds, ...asked } = ASKED;
  return answer(words, MEASURED, asked);
}

function limitOf({ limits }: PlanAnswer, by: string): number {
  const limit = limits.find((one) => one.by === by);
  assert.ok(limit?.perSec !== undefined, `${by}: ${limit?.text}`);
  return limit.perSec;
}

test('a question that can be had: what to run, three limits, the least of them, and what is left', () => {
  const said = answer();
  assert.equal(said.possible, true, said.nearest.join('; '));
  assert.deepEqual(said.nearest, []);
  const { recommended, safePerSec = 0, headroom = 0, peakPerSec, drain } = said;
  assert.equal(recommended?.handlers, MEASURED.cells.at(-1)?.handlers);
  assert.deepEqual(
    said.limits.map(({ by }) => by),
    ['slo', 'recovery', 'bloat'],
  );
  const perSec = said.limits.map((limit) => limit.perSec ?? Number.NaN);
  assert.equal(safePerSec, Math.min(...perSec));
  assert.equal(said.limits.find(({ by }) => by === said.limitedBy)?.perSec, safePerSec);
  assert.equal(limitOf(said, 'slo'), MEASURED.search?.answer.passPerSec, 'the search goes before the model');
  assert.ok(Math.abs(headroom - (safePerSec / peakPerSec - 1)) < 1e-9);
  assert.ok(safePerSec >= peakPerSec);
  assert.equal(drain?.backlogJobs, 3_600);
  const { capacityPerSec = 0, drainSeconds = 0 } = drain ?? {};
  assert.ok(Math.abs(drainSeconds - 3_600 / (capacityPerSec - 60)) < 1e-6);
  assert.deepEqual(
    said.partitions.map(({ databases, perSec: of }) => of / databases),
    [1, 1, 1, 1].map(() => safePerSec),
  );
});

test('the same measurements and the same question give the same answer', () => {
  assert.deepEqual(planOf(MEASURED), planOf({ ...MEASURED, cells: [...MEASURED.cells] }));
});

test('a peak is planned for, and costs are of the average', () => {
  const said = answer({ ratePerSec: 30, peakFactor: 2 });
  assert.equal(said.peakPerSec, 60);
  assert.equal(said.recommended?.handlers, answer().recommended?.handlers);
});

test('growth: the day on which the headroom is used up', () => {
  const { headroom = 0 } = answer();
  const day = (rateLater: number, months: number, words: Partial<PlanQuestion> = {}): string | undefined =>
    answer({ later: { ratePerSec: rateLater, months }, ...words }).usedUpOn;
  const monthsLeft = Math.log(1 + headroom) / (Math.log(2) / 12);
  const wanted = new Date(Date.UTC(2026, 0, 1) + monthsLeft * 30.4375 * 86_400_000).toISOString();
  assert.equal(day(120, 12), wanted.slice(0, 10));
  assert.equal(day(60, 12), undefined, 'the rate does not grow');
  assert.equal(day(30, 12), undefined, 'the rate falls');
  assert.equal(day(60.0001, 600), undefined, 'never, as far as a date can say');
  assert.equal(
    unheld({ later: { ratePerSec: 2e5, months: 1 }, ratePerSec: 1e5 }).usedUpOn,
    '2026-01-01',
    'there is none to use up',
  );
  assert.equal(answer().usedUpOn, undefined);
});

test('a smaller rate than was asked first is answered by the handlers that were searched', () => {
  const searched = MEASURED.cells.find(({ purpose }) => purpose === 'probe')?.handlers;
  const said = unheld({ ratePerSec: 20 });
  assert.equal(said.recommended?.handlers, searched);
  assert.equal(said.possible, true, said.headline);
  assert.equal(limitOf(said, 'slo'), MEASURED.search?.answer.passPerSec);
  // Where the search held another SLO it says nothing of this one.
  assert.notEqual(unheld({ ratePerSec: 20, slo: pickup(300_000) }).recommended?.handlers, searched);
});

test('a rate above what so many handlers settle, where more might: undecided, and no advice', () => {
  const said = answer({ ratePerSec: 50_000 });
  assert.equal(said.possible, false);
  assert.equal(said.recommended?.handlers, 32, 'the most of which anything can be said');
  assert.match(
    said.undecided[0] ?? '',
    /^of more than 32 handlers nothing can be said: 16 at most were measured$/,
  );
  assert.deepEqual(said.nearest, []);
  assert.match(said.headline, /^Not shown to hold: .* jobs\/s of .* ms; of more than 32 handlers/);
});

test('a rate above the maximum of the law: no, with that maximum, and over how many databases the whole fits', async () => {
  const law = { ...LINEAR, sigma: 0.05, kappa: 0.01 };
  const words = { ratePerSec: 50_000 };
  const { input } = await planned(question(words), { law });
  const said = planOf(input).plan?.answer;
  assert.ok(said !== undefined);
  assert.deepEqual([said.possible, said.undecided], [false, []]);
  assert.ok((said.headroom ?? 0) < 0);
  const most =
    /^less than that with an SLO, .*: ([\d.]+) jobs\/s is the most that a worker of skip-locked settles here however many handlers it has, with (\d+) that/.exec(
      said.nearest[0] ?? '',
    );
  assert.ok(Math.abs(Number(most?.[2]) - 10) <= 4, said.nearest[0]);
  assert.match(
    said.headline,
    /^No: .* cannot be had as asked: .* is the most that a worker of skip-locked settles/,
  );
  const over = /over (\d+) databases/.exec(said.nearest.join('\n'))?.[1];
  assert.equal(Number(over), Math.ceil(50_000 / (said.safePerSec ?? 1)));
});

test('of limits of which one is not known, the least is not known: no safe rate, no margin, no partitions', () => {
  const cells = MEASURED.cells.filter(({ purpose }) => purpose !== 'bloat');
  const later = { ratePerSec: 120, months: 12 };
  const said = answer({ later }, { ...MEASURED, cells });
  assert.deepEqual([said.safePerSec, said.limitedBy, said.headroom, said.usedUpOn], Array(4).fill(undefined));
  assert.deepEqual([said.possible, said.partitions, said.nearest], [false, [], []]);
  assert.match(said.undecided.join(), /not measured with these handlers/);
  const hard = answer({ outage: { seconds: 86_400, recoverSeconds: 60 } }, { ...MEASURED, cells });
  assert.deepEqual([hard.possible, hard.undecided, hard.safePerSec], [false, [], undefined]);
  assert.match(hard.headline, /^No: .* without workers is gone 60 s after/);
  assert.match(hard.nearest[0] ?? '', /^no more than .* how much of it is safe cannot be told$/);
});

test('a yes that no longer load has confirmed says so', () => {
  const { search } = MEASURED;
  assert.ok(search !== undefined);
  const of = (passConfirmed: boolean) =>
    answer({}, { ...MEASURED, search: { ...search, answer: { ...search.answer, passConfirmed } } });
  assert.deepEqual([of(true).possible, of(true).confirmed, of(false).confirmed], [true, true, false]);
  assert.doesNotMatch(of(true).headline, /confirmed/);
  assert.match(of(false).headline, /^Yes: .* It was not confirmed\.$/);
});

test('an SLO below what a claim takes: no, with the shortest that was seen', () => {
  const said = unheld({ slo: pickup(500) });
  assert.equal(said.possible, false, said.headline);
  assert.equal(said.safePerSec, 0);
  assert.match(
    said.nearest.join('\n'),
    /an SLO of pickup\.p\d+ < [\d.]+ ms: the shortest p\d+ that was seen here/,
  );
});

test('the same with measurements of its own: no rate passes, and that is an answer', async () => {
  const slo = pickup(500);
  const { input } = await planned(question({ ratePerSec: 60, slo }));
  assert.equal(input.search?.answer.state, 'no pass', input.search?.answer.text);
  const said = answer({ slo }, input);
  assert.equal(said.possible, false);
  assert.equal(limitOf(said, 'slo'), 0);
  assert.match(said.nearest.join('\n'), /an SLO of pickup/);
});

test('an SLO of another latency that holds nowhere is answered by that latency', () => {
  const slo: Slo[] = [{ of: 'response', percentile: 95, limitUs: 100, text: 'response.p95 < 100 µs' }];
  const { search } = MEASURED;
  assert.ok(search !== undefined);
  const { passPerSec: _pass, ...none } = search.answer;
  const failed = { ...search, slo, answer: { ...none, state: 'no pass' as const } };
  const said = answer({ slo }, { ...MEASURED, search: failed });
  assert.equal(said.possible, false);
  assert.match(said.nearest.join('\n'), /an SLO of response\.p95 < /);
});

test('too few connections: no, with how many it takes', () => {
  const said = answer({ connections: 1 });
  assert.equal(said.possible, false);
  assert.match(
    said.nearest.join('\n'),
    /^\d+ connections for the workers instead of 1: so many are the fewest/,
  );
  assert.match(
    said.headline,
    /^No: .* cannot be had as asked: it takes \d+ connections for the workers, and the queue may take 1\.$/,
  );
  assert.equal(answer({ connections: said.recommended?.connections ?? 0 }).possible, true);
});

test('too little time to recover: the rate of which it is enough, or the time that it takes', () => {
  const outage = { seconds: 86_400, recoverSeconds: 60 };
  const said = unheld({ outage });
  assert.equal(said.possible, false);
  assert.equal(said.limitedBy, 'recovery');
  assert.match(said.nearest.join('\n'), /to recover from the outage, instead of 60 s/);
  assert.ok((said.drain?.drainSeconds ?? 0) > 60);
});

test('an outage in miniature whose backlog stayed lowers the limit, and is told', () => {
  const cells = MEASURED.cells.map((one) => {
    const { drainSeconds: _drainSeconds, ...recovery } = one.cell.recovery ?? {};
    return one.purpose === 'outage' && 'baseline' in recovery
      ? { ...one, cell: { ...one.cell, recovery } }
      : one;
  });
  const slower = answer({ ratePerSec: 30 }, { ...MEASURED, cells });
  assert.ok(limitOf(slower, 'recovery') < limitOf(answer({ ratePerSec: 30 }), 'recovery'));
  assert.match(slower.limits[1]?.text ?? '', /whose backlog fell but was not gone/);
  const stayed = cells.map((one) => ({ ...one, load: one.load.map((look) => ({ ...look, backlog: 500 })) }));
  const said = answer({}, { ...MEASURED, cells: stayed });
  assert.equal(said.drain, undefined, 'nor a time in which it would be gone');
  assert.deepEqual([said.possible, said.safePerSec, said.nearest], [false, undefined, []]);
  assert.match(said.undecided.join(), /was not seen to go away/);
  assert.match(said.risks.join('\n'), /was not over after/);
  assert.match(said.assumptions.join('\n'), /backlog of the outage asked for is [\d.]+ times/);
});

test('a transaction that stays open for longer than was seen: no figure, and undecided', () => {
  const said = answer({ bloatSeconds: 600 });
  assert.deepEqual([said.possible, said.safePerSec], [false, undefined]);
  assert.match(said.undecided.join(), /not seen far enough .* search --hold-xmin watches for longer/);
});

test('a search of other handlers, or for another SLO, is not taken for this one', () => {
  const { limits } = answer({ ratePerSec: 150 });
  assert.match(limits[0]?.text ?? '', /by the model, not searched for with this SLO and these handlers/);
  assert.match(answer({ slo: pickup(300_000) }).limits[0]?.text ?? '', /by the model/);
  assert.match(limits.find(({ by }) => by === 'bloat')?.text ?? '', /not measured with these handlers/);
});

test('a search that found no pass gives no figure, nor does the model in its place, and the text says what was found', () => {
  const { search } = MEASURED;
  assert.ok(search !== undefined);
  const { passPerSec = 0, failPerSec, ...rest } = search.answer;
  assert.ok(failPerSec !== undefined && passPerSec > 0);
  const limit = (found: Partial<typeof search.answer>, outcome?: 'void' | 'unclear') => {
    const probes = search.probes.map((one) => (outcome === undefined ? one : { ...one, outcome }));
    return answer({}, { ...MEASURED, search: { ...search, probes, answer: { ...rest, ...found } } })
      .limits[0];
  };
  const cases = [
    [limit({ state: 'interrupted', failPerSec }), /failed at .*not shown to hold at any lower rate$/],
    [limit({ state: 'unmeasurable' }, 'void'), /no rate that was tried could be carried/],
    [limit({ state: 'interrupted' }, 'unclear'), /nothing could be told/],
  ] as const;
  for (const [found, text] of cases) {
    assert.equal(found?.perSec, undefined);
    assert.match(found?.text ?? '', text);
  }
  const without = answer(
    {},
    { ...MEASURED, search: { ...search, probes: [], answer: { ...rest, state: 'interrupted' } } },
  );
  assert.equal(without.limits[0]?.perSec, undefined, 'nor where there was no time for any load');
  assert.match(without.undecided.join(), /not searched for, as no time was left/);
  assert.equal(without.possible, false);
  const [first, ...others] = search.probes;
  assert.ok(first !== undefined);
  const untold = { ...first, ratePerSec: passPerSec / 2, outcome: 'unclear' as const };
  const unsure = answer({}, { ...MEASURED, search: { ...search, probes: [first, untold, ...others] } });
  assert.equal(unsure.confirmed, false, 'below the pass a rate could not be told');
  assert.match(unsure.risks.join(), /jobs\/s could not be told, though a load of more held it/);
  const early = limit({ state: 'interrupted', passPerSec, failPerSec });
  assert.equal(early?.perSec, passPerSec);
  assert.match(early?.text ?? '', /the search ended early/);
  assert.match(limit({ state: 'unmeasurable', passPerSec })?.text ?? '', /above it nothing could be carried/);
});

test('a limit of which nothing is known is told as a risk', () => {
  const slo: Slo[] = [{ of: 'response', percentile: 99, limitUs: 1e6, text: 'response.p99 < 1 s' }];
  const said = answer({ slo });
  assert.equal(said.limits[0]?.perSec, undefined);
  assert.match(said.risks.join('\n'), /A limit is not known: response\.p99 < 1 s: not searched for/);
});

test('nothing measured, nothing said: no figure, and why', () => {
  for (const cells of [[], MEASURED.cells.slice(0, 3)]) {
    const said = answer({}, { ...MEASURED, cells, search: undefined });
    assert.equal(said.possible, false);
    assert.match(said.headline, /^No answer: /);
    assert.deepEqual([said.recommended, said.safePerSec, said.headroom], [undefined, undefined, undefined]);
    assert.deepEqual(said.limits, []);
  }
});

test('void and incorrect cells count in nothing but the risks', () => {
  const [first, ...rest] = MEASURED.cells;
  assert.ok(first !== undefined);
  for (const verdict of ['invalid', 'incorrect'] as const) {
    const bad = { ...first, cell: { ...first.cell, verdict, throughput: { settledPerSec: 1e6 } } };
    const found = planOf({ ...MEASURED, cells: [bad, ...rest] });
    assert.ok(!found.scaling?.points.some(({ perSec }) => perSec === 1e6));
    assert.match(
      found.plan?.answer.risks.join('\n') ?? '',
      verdict === 'invalid' ? /1 cell could not/ : /1 cell lost/,
    );
  }
});
