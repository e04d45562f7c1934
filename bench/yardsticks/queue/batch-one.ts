// How much faster than the reference is the best strategy when every job is claimed alone?

import { strategies } from '../../../queue/index.ts';
import { wants, type Yardstick } from '../../yardstick.ts';
import { contest, fastestOf, rateFigure, ratioFigure } from './contest.ts';
import { Drains, entrantOf } from './drains.ts';

const REFERENCE = 'skip-locked';
/** To find the best; the rounds that count come after. */
const firstRounds = (rounds: number): number => Math.max(1, Math.floor(rounds / 3));
const ROUNDS = 10;
const TARGET = 1.5;
const ALONE = { batch: 1, prefetch: 0, settle: 'each' };

export const batchOne: Yardstick = {
  name: 'batch-1',
  question: 'how fast are the strategies when 8 workers claim one job at a time?',
  async run(bench) {
    await using drains = await Drains.open(bench);
    // One that holds a single job in any case needs no axes for it.
    const alone = strategies.filter(({ strategyName, create }) => {
      if (!wants(bench, strategyName)) return false;
      const { fixed, workerDefaults } = create({ schema: 'claimbench' });
      const able = fixed?.batch === undefined || workerDefaults.batch === 1;
      if (!able) bench.say(`${strategyName} is left out: ${fixed?.batch}`);
      return able;
    });
    const entrants = alone.map(({ strategyName }) => entrantOf(strategyName, ALONE));
    const first = await contest(drains, entrants, firstRounds(bench.rounds ?? ROUNDS));
    const isJobQueue = (name: string): boolean =>
      alone.some(
        ({ strategyName, contract }) => strategyName === name && (contract ?? 'job-queue') === 'job-queue',
      );
    const rivals = first.filter(({ entrant }) => entrant.name !== REFERENCE && isJobQueue(entrant.name));
    const finalists = [fastestOf(rivals), first.find(({ entrant }) => entrant.name === REFERENCE)];
    const [best, reference] = await contest(
      drains,
      finalists.flatMap((standing) => standing?.entrant ?? []),
      bench.rounds ?? ROUNDS,
    );
    if (best === undefined || reference === undefined) throw new Error('too few strategies had valid cells');
    const others = first.filter(({ entrant }) => entrant !== best.entrant && entrant !== reference.entrant);
    return [...[best, reference, ...others].map(rateFigure), ratioFigure(best, reference, TARGET)];
  },
};
