// What does a reader that holds xmin for minutes cost the queue?

import { openScratch } from '../../../harness/run/scratch.ts';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { ScenarioInput } from '../../../scenarios/scenario.ts';
import type { Figure, Yardstick } from '../../yardstick.ts';
import { brief, measured, type Place, Rounds, stretchOf } from './cells.ts';
import { contestants } from './contestants.ts';

/** Meant to stay level, and what it is seen beside. */
const LEVEL = 'ring';
const BESIDE = 'batch';
const THROUGHPUT_TARGET = 0.95;
const PICKUP_TARGET = 1.2;
const RATE_PER_SEC = 2_000;
/** Pools fill, statements are prepared: no part of the first stretch. */
const WARMUP_SECONDS = 2;

interface Length {
  readonly holdSeconds: number;
  /** The first and the last so many seconds are compared. */
  readonly stretchSeconds: number;
}

const USUAL: Length = { holdSeconds: 300, stretchSeconds: 60 };
const SMOKE: Length = { holdSeconds: 4, stretchSeconds: 1 };

/** Five minutes at 2,000 jobs/s beside a REPEATABLE READ reader whose snapshot is as old as the load. */
export const heldXmin: Yardstick = {
  name: 'held-xmin',
  question: 'is the queue as quick after five minutes beside an open snapshot as at the start?',
  async run(bench) {
    await using scratch = await openScratch();
    await using server = await startEmbedded({ signal: bench.signal });
    const place = { bench, server, folder: scratch.path };
    const names = bench.smoke ? [BESIDE] : [LEVEL, BESIDE];
    const tries = contestants(bench, names).map(({ strategyName }) => ({
      name: strategyName,
      throughput: new Rounds(),
      pickup: new Rounds(),
    }));
    const length = bench.smoke ? SMOKE : USUAL;
    for (let round = 0; round < (bench.rounds ?? 1); round += 1)
      for (const one of round % 2 === 0 ? tries : tries.toReversed())
        await measure(place, one, length, round);
    return tries.flatMap((one) => figuresOf(one, length));
  },
};

interface Try {
  readonly name: string;
  readonly throughput: Rounds;
  readonly pickup: Rounds;
}

function scenarioOf({ holdSeconds }: Length): ScenarioInput {
  const seconds = WARMUP_SECONDS + holdSeconds;
  return {
    name: 'held-xmin',
    question: 'What does a reader that holds xmin cost a steady load?',
    producers: { agents: 1, connections: 16 },
    workers: { agents: 1, connections: 8 },
    ...{ warmupSeconds: WARMUP_SECONDS, warmupCapSeconds: WARMUP_SECONDS },
    phases: [
      {
        label: 'held',
        seconds,
        arrival: { model: 'poisson', ratePerSec: RATE_PER_SEC },
        faults: [{ fault: 'held-xmin', afterSeconds: 0.1, forSeconds: seconds + 1 }],
      },
    ],
    settleWithinSeconds: 30,
  };
}

async function measure(place: Place, one: Try, length: Length, round: number): Promise<void> {
  const cell = await measured(place, { scenario: scenarioOf(length), contender: one.name, round });
  if ('problem' in cell) {
    one.throughput.failed(cell.problem);
    one.pickup.failed(cell.problem);
    return;
  }
  const end = WARMUP_SECONDS + length.holdSeconds;
  const first = stretchOf(cell.outcome, WARMUP_SECONDS, WARMUP_SECONDS + length.stretchSeconds);
  const last = stretchOf(cell.outcome, end - length.stretchSeconds, end);
  one.throughput.add(last.settledPerSec / first.settledPerSec, cell.again);
  one.pickup.add(last.pickupP99Ms / first.pickupP99Ms, cell.again);
  const said = ({ settledPerSec, pickupP99Ms }: typeof first): string =>
    `${brief(settledPerSec)} jobs/s, pickup p99 ${brief(pickupP99Ms)} ms`;
  place.bench.say(`${one.name}: first ${length.stretchSeconds} s ${said(first)}; last ${said(last)}`);
}

function figuresOf({ name, throughput, pickup }: Try, { holdSeconds, stretchSeconds }: Length): Figure[] {
  const what = (of: string): string =>
    `${name}, ${of}, last ${stretchSeconds} s ÷ first, xmin held for ${holdSeconds} s at ${brief(RATE_PER_SEC)} jobs/s`;
  const judged = name === LEVEL;
  return [
    {
      what: what('throughput'),
      unit: '',
      ...throughput.reading(),
      ...(judged ? { target: { atLeast: THROUGHPUT_TARGET } } : {}),
    },
    {
      what: what('pickup p99'),
      unit: '',
      ...pickup.reading(),
      ...(judged ? { target: { atMost: PICKUP_TARGET } } : {}),
    },
  ];
}
