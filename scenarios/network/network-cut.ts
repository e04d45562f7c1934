import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'network-cut',
  group: 'network',
  question:
    'When the network is cut and healed, how soon are the workers at work again, and is every job done once?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('cut', [5, 5, 10], 200, [{ fault: 'cut-network' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('cut', [1, 0.9, 1.6], [{ fault: 'cut-network' }], 80),
});
