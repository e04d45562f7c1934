import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'narrow-network',
  group: 'network',
  question: 'How does the queue behave on a line that is almost full?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('narrow', [5, 10, 5], 200, [{ fault: 'slow-network', bytesPerSec: 400_000 }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('narrow', [1.4, 1.2, 1.3], [{ fault: 'slow-network', bytesPerSec: 200_000 }], 80),
});
