// Is the fastest strategy the fastest durable job queue on Postgres? Each contender at its best batch, in rounds.

import { CONTENDERS } from '../../../harness/contenders/index.ts';
import { type Bench, type Figure, wants, type Yardstick } from '../../yardstick.ts';
import { contest, fastestOf, rateFigure, ratioFigure, type Standing } from './contest.ts';
import { FAVOURITES } from './contestants.ts';
import { Drains, type Entrant, entrantOf, entrantWith, isKnown, labelOf } from './drains.ts';

const BATCHES = [100, 200, 500, 2_000];
const SMOKE_BATCHES = [100];
/** To find each one's best batch; the rounds that count come after. */
const gridRounds = (rounds: number): number => Math.max(1, Math.floor(rounds / 3));
const ROUNDS = 10;
/** Also tried without its worker's gate. */
const UNGATED = 'batch';

function ungatedWith(batch: number): Entrant {
  return entrantOf(UNGATED, { batch, prefetch: batch, claimsAtOnce: 1_000 });
}

/** How much faster than each of them the fastest of the favourites must be. */
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
    const grid = await gridOf(bench, drains, names);
    const candidates = names.map((name) => candidateOf(grid, name));
    // Chosen before the rounds that judge it, so that no luck of theirs chooses it.
    const favourite = fastestOf(candidates.flatMap(({ best }) => (best && isFavourite(best) ? [best] : [])));
    const finalists = candidates.filter(({ name }) => name === favourite?.entrant.name || name in RIVALS);
    const standings = await contest(
      drains,
      finalists.flatMap(({ best, first }) => best?.entrant ?? first ?? []),
      bench.rounds ?? ROUNDS,
    );
    const wrong = grid.filter(({ incorrect }) => incorrect.length > 0);
    return [...[...standings, ...wrong].map(rateFigure), ...ratios(standings, grid, favourite?.entrant.name)];
  },
};

function isThere(bench: Bench, name: string): boolean {
  if (!isKnown(name)) bench.say(`${name} is not registered: left out`);
  return isKnown(name) && wants(bench, name);
}

function isFavourite({ entrant: { name } }: Standing): boolean {
  const isJobQueue = CONTENDERS.some(
    (contender) => contender.name === name && contender.class === 'job-queue',
  );
  return FAVOURITES.includes(name) && isJobQueue;
}

/** How each of `names` stands at each batch; once where the strategy leaves the batch no choice. */
async function gridOf(bench: Bench, drains: Drains, names: readonly string[]): Promise<readonly Standing[]> {
  const batches = bench.smoke ? SMOKE_BATCHES : BATCHES;
  // All eight sessions at once, too, where by default fewer claim: the rival shall be at its best.
  const ungated = names.includes(UNGATED) ? batches.map((batch) => ungatedWith(batch)) : [];
  const entrants = new Map(
    [...names.flatMap((name) => batches.map((batch) => entrantWith(name, batch))), ...ungated].map(
      (entrant) => [labelOf(entrant), entrant],
    ),
  );
  return contest(drains, [...entrants.values()], gridRounds(bench.rounds ?? ROUNDS));
}

interface Candidate {
  readonly name: string;
  /** At the batch at which it drained fastest. */
  readonly best: Standing | undefined;
  /** At which it goes on, to be judged there, when it has no valid cell. */
  readonly first: Entrant | undefined;
}

function candidateOf(grid: readonly Standing[], name: string): Candidate {
  const standings = grid.filter(({ entrant }) => entrant.name === name);
  return { name, best: fastestOf(standings), first: standings[0]?.entrant };
}

/**
 * A rival whose cells were void at some batch may be faster there than where it is judged, unless the most that they can have
 * reached would not change the verdict.
 */
function ratios(
  standings: readonly Standing[],
  grid: readonly Standing[],
  favourite: string | undefined,
): Figure[] {
  const best = standings.find(({ entrant }) => entrant.name === favourite);
  return Object.entries(RIVALS).map(([name, atLeast]) => {
    const rival = standings.find(({ entrant }) => entrant.name === name);
    const doubts = grid.flatMap((standing) =>
      standing.entrant.name === name && !isOutrun(standing, best, atLeast) ? standing.problems : [],
    );
    if (best !== undefined && rival !== undefined) return ratioFigure(best, rival, atLeast, ...doubts);
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

/** Whether `best` would be so many times as fast even in its slowest round as whatever the void cells of `rival` hide. */
export function isOutrun(rival: Standing, best: Standing | undefined, times: number): boolean {
  const slowest = Math.min(...(best?.perSec.values() ?? []));
  return (
    best !== undefined &&
    best.perSec.size > 0 &&
    rival.incorrect.length === 0 &&
    rival.voidAtMostPerSec !== undefined &&
    slowest >= rival.voidAtMostPerSec * times
  );
}
