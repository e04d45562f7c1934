import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'worker-stall',
  group: 'crash',
  question: 'When a worker stops past its lease and then goes on, is its late settle refused?',
  producers: { agents: 1, connections: 4 },
  workers: { agents: 2, connections: 4 },
  job: { handler: { time: 'constant', ms: 20 } },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('stalled', [4, 3, 5], 200, [{ fault: 'stall-worker' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: { ...smokeStory('stalled', [1, 1, 1.3], [{ fault: 'stall-worker' }], 80), leaseMs: 500 },
});
