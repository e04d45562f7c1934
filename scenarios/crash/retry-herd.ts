import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'retry-herd',
  group: 'crash',
  question: 'When what all handlers call is down and comes back, do the retries come back in a herd?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  job: { handler: { time: 'constant', ms: 5 }, retry: { after: 'exponential', baseMs: 500, capMs: 10_000 } },
  warmupSeconds: 0.5,
  phases: story('down', [5, 8, 15], 200, [{ fault: 'failing-handlers', share: 1 }]),
  settleWithinSeconds: 30,
  expect: ['lost = 0', 'deadLettered = 0', 'inFlight = 0'],
  smoke: {
    ...smokeStory('down', [1.4, 1, 1.5], [{ fault: 'failing-handlers', share: 1 }], 60),
    job: { handler: { time: 'constant', ms: 5 }, retry: { after: 'exponential', baseMs: 200, capMs: 1_000 } },
  },
});
