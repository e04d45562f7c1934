// Is every text of a plan a sentence for people, whatever was asked and measured?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanQuestion, Slo } from '../../harness/result/result.ts';
import { planned, question } from '../../testing/synthetic/capacity-world.ts';
import { planOf } from './answer.ts';
import type { PlanInput } from './input.ts';

const ASKED = question({
  ratePerSec: 60,
  outage: { seconds: 60, recoverSeconds: 600 },
  bloatSeconds: 600,
});
const { input: MEASURED } = await planned(ASKED);

function slo(of: 'pickup' | 'response', limitUs: number): Slo[] {
  return [{ of, percentile: 99, limitUs, text: `${of}.p99 < ${limitUs} µs` }];
}

function* questions(): Generator<Partial<PlanQuestion>> {
  for (const ratePerSec of [0.01, 1, 60, 151.5, 1e6])
    for (const peakFactor of [1, 2.5])
      for (const terms of [slo('pickup', 1), slo('pickup', 250_000), slo('response', 1e6)])
        for (const more of [
          {},
          { outage: { seconds: 1, recoverSeconds: 604_800 }, bloatSeconds: 1 },
          { outage: { seconds: 604_800, recoverSeconds: 1 }, bloatSeconds: 604_800, connections: 1 },
          {
            later: { ratePerSec: 1e6, months: 0.1 },
            otherLoadPerSec: 12.5,
            jobMs: 0,
            handler: { time: 'none' },
          },
        ])
          yield { ...question({ ratePerSec, peakFactor, slo: terms }), ...more };
}

/** All, without search, without lights, without anything. */
const INPUTS: readonly Omit<PlanInput, 'question'>[] = [
  MEASURED,
  { ...MEASURED, search: undefined },
  { ...MEASURED, cells: MEASURED.cells.filter(({ purpose }) => purpose !== 'light') },
  { ...MEASURED, cells: [], search: undefined },
];

/** Every text in a value, with its place. */
function* texts(value: unknown, place = ''): Generator<readonly [string, string]> {
  if (typeof value === 'string') yield [place, value];
  else if (typeof value === 'object' && value !== null)
    for (const [key, one] of Object.entries(value)) yield* texts(one, `${place}.${key}`);
}

test('no text of any answer holds what is none, and what is told for people are sentences', () => {
  let seen = 0;
  // Every eleventh: 4, 3, 2 and 5 choices share no factor with it, so that each choice meets each input.
  for (const [at, input] of INPUTS.entries())
    for (const words of [...questions()].filter((_, i) => i % 11 === at)) {
      const { plan, predictions } = planOf({ ...input, question: { ...ASKED, ...words } });
      assert.ok(plan !== undefined);
      for (const [place, text] of texts({ plan, predictions })) {
        assert.doesNotMatch(
          text,
          /undefined|NaN|Infinity|\[object|–/,
          `${place} of ${JSON.stringify(words)}: ${text}`,
        );
        assert.notEqual(text.trim(), '', place);
        assert.doesNotMatch(text, /\.\.$|;\s*\.|\s{2}/, `${place}: ${text}`);
        seen += 1;
      }
      const { headline, breaksFirst, assumptions, risks } = plan.answer;
      for (const text of [headline, breaksFirst, ...assumptions, ...risks]) assert.match(text, /\.$/, text);
    }
  assert.ok(seen > 500, `${seen}`);
});

test('a server that crashed under a load is a risk, before all but lost jobs', () => {
  const reasons = ['the server crashed and recovered while the load ran: its counters began anew'];
  const cells = MEASURED.cells.map((one, i) =>
    i === 3 ? { ...one, cell: { ...one.cell, verdict: 'invalid' as const, reasons } } : one,
  );
  const { plan } = planOf({ ...MEASURED, cells });
  assert.match(plan?.answer.risks[0] ?? '', /crashed or was started again under 1 load: find out why first/);
});

test('a server that stood still is told, and one that is slow for all is not taken for it', () => {
  const withEnqueue = (enqueue: { p95: number; max: number }): string[] => {
    const cells = MEASURED.cells.map((one) => {
      const { latencyUs } = one.cell;
      if (one.purpose !== 'light' || latencyUs?.enqueue === undefined) return one;
      return {
        ...one,
        cell: { ...one.cell, latencyUs: { ...latencyUs, enqueue: { ...latencyUs.enqueue, ...enqueue } } },
      };
    });
    return planOf({ ...MEASURED, cells }).plan?.answer.risks ?? [];
  };
  const lights = MEASURED.cells.filter(({ purpose }) => purpose === 'light').length;
  const told = withEnqueue({ p95: 3_000, max: 587_000 }).filter((risk) => risk.includes('stood still'));
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', new RegExp(`^In ${lights} of \\d+ open loads an enqueue took up to 587.ms`));
  for (const enqueue of [
    { p95: 200_000, max: 587_000 },
    { p95: 3_000, max: 90_000 },
  ])
    assert.ok(!withEnqueue(enqueue).some((risk) => risk.includes('stood still')));
});
