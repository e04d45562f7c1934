import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'slow-network',
  group: 'network',
  question: 'What does each millisecond between workers and server cost?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('slow', [5, 10, 5], 200, [{ fault: 'slow-network', delayMs: 5 }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('slow', [1.4, 1.2, 1.3], [{ fault: 'slow-network', delayMs: 5 }], 80),
});
