import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'stuck-key',
  group: 'shape',
  question: 'When every job of one customer hangs, do the jobs of the others go on?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  limits: { concurrencyPerKey: 2 },
  job: { keys: { count: 20, hotShare: 0.05 }, handler: { time: 'constant', ms: 5 } },
  warmupSeconds: 0.5,
  phases: story('stuck', [5, 10, 10], 200, [{ fault: 'slow-handlers', key: 0, addedMs: 2_000 }]),
  settleWithinSeconds: 90,
  expect: ['lost = 0'],
  smoke: {
    ...smokeStory('stuck', [1.4, 1.5, 1.5], [{ fault: 'slow-handlers', key: 0, addedMs: 500 }], 80),
    settleWithinSeconds: 20,
  },
});
