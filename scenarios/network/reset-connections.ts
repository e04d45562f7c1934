import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'reset-connections',
  group: 'network',
  question: 'When every connection is reset again and again, is every job still done once?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('resets', [5, 10, 5], 200, [{ fault: 'reset-connections', everySeconds: 2 }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('resets', [1.4, 1.2, 1.3], [{ fault: 'reset-connections', everySeconds: 0.6 }], 80),
});
