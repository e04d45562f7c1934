import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'jitter',
  group: 'network',
  question: 'Does a network whose delays vary reorder or delay the work of the queue?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('jitter', [5, 10, 5], 200, [{ fault: 'slow-network', delayMs: 5, jitterMs: 4 }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('jitter', [1.4, 1.2, 1.3], [{ fault: 'slow-network', delayMs: 5, jitterMs: 4 }], 80),
});
