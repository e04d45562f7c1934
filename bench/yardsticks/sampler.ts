// What does the sampler take from the queue that it watches?

import { measureSamplerCost, SAMPLER_COST_LIMIT } from '../../harness/calibrate/sampler-cost.ts';
import { openScratch } from '../../harness/run/scratch.ts';
import { startEmbedded } from '../../harness/server/embedded.ts';
import type { Yardstick } from '../yardstick.ts';

/** A drain differs from the same one by several per cent here: it takes many to see one. */
const ROUNDS = 30;
const SECONDS = 5;

export const sampler: Yardstick = {
  name: 'sampler',
  question: 'what does sampling the server cost the queue?',
  async run(bench) {
    await using scratch = await openScratch();
    await using server = await startEmbedded({ signal: bench.signal });
    const cost = await measureSamplerCost({
      server,
      rounds: bench.rounds ?? ROUNDS,
      seconds: SECONDS,
      scratchDir: scratch.path,
      signal: bench.signal,
      onRound: (share) => bench.say(`${(share * 100).toFixed(2)} %`),
    });
    const percent = (share: number): string => (share * 100).toFixed(1);
    return [
      {
        what: 'throughput that the sampler takes from a drain',
        value: cost.median * 100,
        interval: [cost.interval[0] * 100, cost.interval[1] * 100],
        unit: '%',
        target: { atMost: SAMPLER_COST_LIMIT * 100 },
        note: `median of ${cost.rounds} rounds of 2 × ${SECONDS} s; rounds ${percent(cost.min)} to ${percent(cost.max)}`,
      },
    ];
  },
};
