// A strategy of one's own: the reference, on a table whose pages are kept half empty.
//
// It asks whether room for the new row version beside the old one makes a claim cheaper. Measure it against the original:
//   npm run --silent claimbench -- run --scenario drain --contender skip-locked --contender ./examples/roomy-pages.ts

import { type ClaimStrategy, qualify, type StrategyFactory, strategies } from '../queue/index.ts';

const NAME = 'roomy-pages';

function create({ schema }: { readonly schema: string }): ClaimStrategy {
  const reference = strategies.find(({ strategyName }) => strategyName === 'skip-locked');
  if (reference === undefined) throw new Error('the reference strategy is gone');
  const strategy = reference.create({ schema });
  return {
    ...strategy,
    name: NAME,
    async install(db) {
      await strategy.install(db);
      await db.query({ text: `ALTER TABLE ${qualify(schema, 'jobs')} SET (fillfactor = 50)` });
    },
  };
}

const roomyPages: StrategyFactory = {
  strategyName: NAME,
  summary: 'skip-locked on pages that are filled by half',
  create,
};

export default roomyPages;
