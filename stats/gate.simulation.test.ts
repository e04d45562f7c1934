// How often does the gate fail for nothing, and how often does it find what is there? On simulated blocks, as noisy as a shared machine's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate, type GateMetric } from './gate.ts';
import { type Random, seeded } from './random.ts';

/** As many blocks as fit into eight minutes on two cores. */
const BLOCKS = 30;
/** Spread of a counted metric from cell to cell. */
const COUNTED = [0.001, 0.004, 0.01];
/** Of a timed one; one cell in ten has three times as much. Those of latencies are the larger ones. */
const TIMED = { calm: [0.03, 0.075], wild: [0.05, 0.125] } as const;
/** Of what both sides of a block have in common. */
const DRIFT = 0.08;

/** Those of one contender in two scenarios, as `reports/check/metrics.ts` has them: name, limit, spread. */
function metricsOf(
  timed: readonly [number, number],
): readonly { readonly metric: GateMetric; readonly spread: number }[] {
  const hard = Array.from({ length: 22 }, (_, i) => ({
    metric: { key: `hard ${i}`, kind: 'hard', better: 'lower', limit: i % 11 === 0 ? 0.05 : 0.1 } as const,
    spread: COUNTED[i % COUNTED.length] ?? 0,
  }));
  const soft = Array.from({ length: 9 }, (_, i) => ({
    metric: { key: `soft ${i}`, kind: 'soft', better: 'lower', limit: i < 2 ? 0.05 : 0.1 } as const,
    spread: timed[i < 5 ? 0 : 1],
  }));
  return [...hard, ...soft];
}

function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Keys of what one check finds worse, with a metric of the head multiplied by a factor. */
function check(
  seed: number,
  timed: readonly [number, number],
  planted?: readonly [key: string, factor: number],
): string[] {
  const random = seeded(seed);
  const metrics = metricsOf(timed);
  const gate = new Gate(metrics.map(({ metric }) => metric));
  for (let block = 0; ; block += 1) {
    const drift = DRIFT * gauss(random);
    const state = gate.add(
      new Map(
        metrics.map(({ metric: { key, kind }, spread }) => {
          const figure = (factor: number): number => {
            const heavy = kind === 'soft' && random() < 0.1 ? 3 : 1;
            return factor * Math.exp((kind === 'soft' ? drift : 0) + spread * heavy * gauss(random));
          };
          return [key, { base: figure(100), head: figure(key === planted?.[0] ? 100 * planted[1] : 100) }];
        }),
      ),
    );
    if (state.clear || block + 1 === BLOCKS)
      return state.findings.filter(({ verdict }) => verdict === 'worse').map(({ key }) => key);
  }
}

const share = (count: number, of: (seed: number) => boolean): number =>
  Array.from({ length: count }, (_, seed) => of(seed)).filter(Boolean).length / count;

for (const [weather, timed] of Object.entries(TIMED)) {
  test(`${weather}: the same code fails in one check of a hundred at most`, (t) => {
    const failed = share(600, (seed) => check(seed, timed).length > 0);
    t.diagnostic(`${(100 * failed).toFixed(2)} % of 600`);
    assert.ok(failed <= 0.01, String(failed));
  });
}

test('calm: a tenth more of a metric that fails from 5 % on is found in nine checks of ten, and nothing else is', (t) => {
  const found = Array.from({ length: 300 }, (_, seed) => check(10_000 + seed, TIMED.calm, ['soft 0', 1.1]));
  const right = found.filter((keys) => keys.includes('soft 0')).length / found.length;
  const wrong = found.filter((keys) => keys.some((key) => key !== 'soft 0')).length / found.length;
  t.diagnostic(`${(100 * right).toFixed(1)} % found, ${(100 * wrong).toFixed(1)} % with another`);
  assert.ok(right >= 0.9, String(right));
  assert.ok(wrong <= 0.01, String(wrong));
});

test('wild: a fifth more of a metric that fails from 10 % on is found in nine checks of ten', (t) => {
  const right = share(300, (seed) => check(20_000 + seed, TIMED.wild, ['soft 2', 1.2]).includes('soft 2'));
  t.diagnostic(`${(100 * right).toFixed(1)} %`);
  assert.ok(right >= 0.9, String(right));
});

test('a counted metric that rises beyond its limit by 3 % is always found', () => {
  const right = share(200, (seed) => check(30_000 + seed, TIMED.wild, ['hard 1', 1.13]).includes('hard 1'));
  assert.ok(right >= 0.99, String(right));
});
