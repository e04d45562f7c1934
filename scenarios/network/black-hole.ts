import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'black-hole',
  group: 'network',
  question: 'When the network swallows everything for longer than a lease, does all go on once it heals?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('hole', [5, 5, 15], 200, [{ fault: 'black-hole' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: { ...smokeStory('hole', [1.4, 1.5, 2], [{ fault: 'black-hole' }], 60), leaseMs: 500 },
});
