import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'pool-exhaustion',
  group: 'crash',
  question: 'When others take every connection of the server, do the workers come back once there are some?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('exhausted', [5, 5, 10], 200, [{ fault: 'exhaust-connections' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('exhausted', [1, 1.2, 1.6], [{ fault: 'exhaust-connections' }], 80),
});
