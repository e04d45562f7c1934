// Do the measured waiting and response times of a queue agree with queueing theory, and would a biased measuring not?

import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { mergeHistograms, readIntervals } from '../../reports/hlog.ts';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import { randomStream } from '../../stats/random.ts';
import { temporaryFolder } from '../../testing/command.ts';
import {
  intervals,
  MEASURES,
  path,
  type QueueLaw,
  quantile,
  responseQuantile,
  Servers,
  serviceTimes,
  type Visit,
  waitQuantile,
} from '../../testing/synthetic/queue-law.ts';
import { parseContender } from '../contenders/index.ts';
import { arrivals } from '../load/arrivals.ts';
import { planAgents } from '../load/assignments.ts';
import type { Cell } from '../result/result.ts';
import { runCell } from './cell.ts';
import type { CellOutcome } from './result.ts';

const WINDOW = { seconds: 11, warmupSeconds: 1 };
/** Seeds of arrivals and services: with them the path is the same each time, and only the measuring differs. */
const SEED = 11;
const ATTEMPTS = 2;
const SHARES = [0.5, 0.9, 0.99];
/** One server at 70 %, four likewise; services of 10 and 40 ms, long beside what a timer is late. */
const LAWS = {
  'M/M/1': { servers: 1, arrivalPerSec: 70, servicePerSec: 100 },
  'M/M/4': { servers: 4, arrivalPerSec: 70, servicePerSec: 25 },
} as const satisfies Record<string, QueueLaw>;

for (const [name, law] of Object.entries(LAWS)) {
  const spread = intervals(law, WINDOW, SHARES);

  test(`${name}: the formulas of theory agree with long simulated runs, and lie within the spread of short ones`, () => {
    const visits = [1, 2, 3, 4].flatMap((seed) => path(law, 2_500, seed));
    for (const { measure, share, theory } of quantilesOf(law)) {
      const found = quantile(visits.map(MEASURES[measure]), share);
      const about = `${measure} p${share * 100}: ${ms(found)}, not ${ms(theory)}`;
      assert.ok(Math.abs(found - theory) <= 0.05 * theory + 5e-4, about);
      const { low, high } = spread(measure, share);
      assert.ok(theory >= low && theory <= high, about);
    }
  });

  test(`${name}: what the harness measures lies where theory says, and on the very path that was foretold`, async (t) => {
    const { cell, histogramLog } = await measured(t, law);
    assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
    const told = foretold(law).filter((v) => v.arrived >= WINDOW.warmupSeconds);
    for (const { measure, share, theory } of quantilesOf(law)) {
      const metric = measure === 'wait' ? 'pickup' : 'response';
      const allowed = allowedIn(cell, share);
      const histogram = mergeHistograms(
        readIntervals(histogramLog, new Set([metric])).map((i) => i.histogram),
      );
      assert.ok(histogram !== undefined);
      assert.equal(histogram.totalCount, told.length);
      const found = histogram.getValueAtPercentile(share * 100) / 1e6;
      const { low, high } = spread(measure, share);
      const exact = quantile(told.map(MEASURES[measure]), share);
      const about = `${metric} p${share * 100}: measured ${ms(found)}, foretold ${ms(exact)}, theory ${ms(theory)}, 99.9 % of runs ${ms(low)} to ${ms(high)}, allowed ± ${ms(allowed)}`;
      t.diagnostic(about);
      // Lateness only adds: a job that comes later, or is reported later, makes nobody's end earlier. So nothing may lie
      // below what was foretold, on however busy a machine; a rank less, as quantiles are counted in two ways.
      const rankBelow = quantile(told.map(MEASURES[measure]), Math.max(0, share - 1.5 / told.length));
      assert.ok(found >= rankBelow * 0.998 - 1e-4, `below the path: ${about}`);
      assert.ok(found >= low - allowed && found <= high + allowed, about);
      assert.ok(Math.abs(found - exact) <= allowed + 0.05 * exact, about);
    }
  });

  test(`${name}: a measuring that starts when the last job was answered is far off`, () => {
    // What a tool sees that sends its next job when a server is free for it: nobody ever waits.
    const biased = foretold(law)
      .filter((v) => v.arrived >= WINDOW.warmupSeconds)
      .map((v) => ({ ...v, arrived: v.began }));
    for (const { measure, share, theory } of quantilesOf(law)) {
      const { low } = spread(measure, share);
      const found = quantile(biased.map(MEASURES[measure]), share);
      // By more than what a measurement is allowed.
      if (measure === 'wait' && theory > 0.02) assert.ok(found < low - ALLOWED, `${measure} ${share}`);
      if (measure === 'response' && share === 0.5) assert.ok(found < low, `${measure} ${share}`);
    }
  });
}

/** A millisecond or two of timers and sockets, and the switches of a machine that does other things as well. */
const ALLOWED = 0.006;

/**
 * The cell says itself how late its generator was at worst; no job is later than the sum of that. In a valid cell that
 * concerns the last hundredth alone.
 */
function allowedIn({ verdict, generator }: Cell, share: number): number {
  const { lagMaxUs = 0, eventLoopMaxUs = 0 } = generator;
  return verdict === 'valid' && share < 0.99 ? ALLOWED : ALLOWED + (lagMaxUs + 2 * eventLoopMaxUs) / 1e6;
}

function quantilesOf(law: QueueLaw) {
  return SHARES.flatMap((share) => [
    { measure: 'wait' as const, share, theory: waitQuantile(law, share) },
    { measure: 'response' as const, share, theory: responseQuantile(law, share) },
  ]);
}

function scenarioOf(law: QueueLaw) {
  return scenarioSchema.parse({
    name: 'law',
    question: 'Are the waiting times those of theory?',
    producers: { agents: 1, connections: 64 },
    workers: { agents: 1, connections: law.servers },
    warmupSeconds: WINDOW.warmupSeconds,
    warmupCapSeconds: WINDOW.warmupSeconds,
    phases: [
      {
        label: 'steady',
        seconds: WINDOW.seconds,
        arrival: { model: 'poisson', ratePerSec: law.arrivalPerSec },
      },
    ],
    settleWithinSeconds: 5,
  });
}

function planOf(law: QueueLaw) {
  return {
    id: 'law',
    block: 0,
    order: 0,
    repeat: 1,
    scenario: scenarioOf(law),
    contender: parseContender(resolve(import.meta.dirname, '../../testing/synthetic/mmc.ts'), () => ''),
    seed: SEED,
  };
}

/** The path that the contender takes when every job comes at its intended instant. */
function foretold(law: QueueLaw): Visit[] {
  const { role } = planAgents(planOf(law), { schema: 's' }, '').assignments[0] ?? {};
  assert.ok(role?.kind === 'producer');
  assert.ok(role.load.loop === 'open');
  const { phases, seed, stream } = role.load;
  const service = serviceTimes(law, SEED);
  const servers = new Servers(law.servers);
  return Array.from(arrivals(phases, randomStream(seed, stream)), ({ atUs }) =>
    servers.visit(atUs / 1e6, service()),
  );
}

/** An invalid cell proves nothing, as when the machine was busy with other things: then once more. */
async function measured(t: TestContext, law: QueueLaw): Promise<CellOutcome> {
  for (let attempt = 1; ; attempt += 1) {
    const folder = temporaryFolder(t);
    process.env['CLAIMBENCH_TEST_LAW'] = JSON.stringify({ socket: join(folder, 's'), law, seed: SEED });
    const outcome = await runCell(planOf(law), {
      server: undefined,
      scratchDir: folder,
      ceilingFor: async () => undefined,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    if (outcome.cell.verdict !== 'invalid' || attempt === ATTEMPTS) return outcome;
    t.diagnostic(`attempt ${attempt} was invalid: ${outcome.cell.reasons.join('; ')}`);
  }
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`;
}
