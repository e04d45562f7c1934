// Is the fastest strategy the fastest durable job queue on Postgres? Each contender at its best batch, in rounds.

import { CONTENDERS } from '../../../harness/contenders/index.ts';
import type { Bench, Figure, Yardstick } from '../../yardstick.ts';
import { contest, fastestOf, rateFigure, ratioFigure, type Standing } from './contest.ts';
import { Drains, type Entrant, entrantOf, isKnown } from './drains.ts';

const BATCHES = [100, 200, 500, 2_000];
const SMOKE_BATCHES = [100];
/** To find each one's best batch; the rounds that count come after. */
const gridRounds = (rounds: number): number => Math.max(1, Math.floor(rounds / 3));
const ROUNDS = 10;

/** Of which the fastest must be that much faster than each of RIVALS. */
const FAVOURITES = ['range-lease', 'ring', 'packed-lease'];
const RIVALS: Readonly<Record<string, number>> = {
  batch: 2,
  'graphile-worker': 4,
  'pg-boss': 4,
  'tick-log': 0.9,
};

export const fastest: Yardstick = {
  name: 'fastest',
  question: 'is the fastest strategy, at its best batch, the fastest durable job queue on Postgres?',
  async run(bench) {
    await using drains = await Drains.open(bench);
    const names = [...FAVOURITES, ...Object.keys(RIVALS)].filter((name) => isThere(bench, name));
    const finalists = await finalistsOf(bench, drains, names);
    const standings = await contest(drains, finalists, bench.rounds ?? ROUNDS);
    return [...standings.map(rateFigure), ...ratios(standings)];
  },
};

function isThere(bench: Bench, name: string): boolean {
  if (!isKnown(name)) bench.say(`${name} is not registered: left out`);
  return isKnown(name);
}

/** Each name with the batch at which it drained fastest. One without a valid cell goes on at its first, to be judged there. */
async function finalistsOf(bench: Bench, drains: Drains, names: readonly string[]): Promise<Entrant[]> {
  const grid = names.map((name) => ({ name, entrants: gridOf(bench, name) }));
  const contested = grid.flatMap(({ entrants }) => (entrants.length > 1 ? entrants : []));
  const standings = await contest(drains, contested, gridRounds(bench.rounds ?? ROUNDS));
  return grid.flatMap(({ name, entrants }) => {
    const best = fastestOf(standings.filter((standing) => standing.entrant.name === name));
    return best?.entrant ?? entrants[0] ?? [];
  });
}

/** One entrant where the strategy leaves the batch no choice. */
function gridOf({ smoke }: Bench, name: string): Entrant[] {
  const entrants = (smoke ? SMOKE_BATCHES : BATCHES).map((batch) => entrantOf(name, { batch }));
  return entrants.filter(({ axes }, index) => entrants.findIndex((other) => other.axes === axes) === index);
}

function ratios(standings: readonly Standing[]): Figure[] {
  const isJobQueue = (name: string): boolean =>
    CONTENDERS.some((contender) => contender.name === name && contender.class === 'job-queue');
  const favourites = standings.filter(
    ({ entrant }) => FAVOURITES.includes(entrant.name) && isJobQueue(entrant.name),
  );
  const best = fastestOf(favourites) ?? favourites[0];
  return Object.entries(RIVALS).map(([name, atLeast]) => {
    const rival = standings.find(({ entrant }) => entrant.name === name);
    if (best !== undefined && rival !== undefined) return ratioFigure(best, rival, atLeast);
    const missing = best === undefined ? `none of ${FAVOURITES.join(', ')}` : `no ${name}`;
    return {
      what: `the fastest ÷ ${name}`,
      value: undefined,
      unit: '',
      target: { atLeast },
      note: `${missing} is registered`,
    };
  });
}
