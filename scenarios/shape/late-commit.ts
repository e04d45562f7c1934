import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'late-commit',
  group: 'shape',
  question: 'When a transaction commits its job late, is that job found, and who waits for it?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('open', [5, 10, 5], 300, [{ fault: 'late-commit' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('open', [1.4, 1, 1.3], [{ fault: 'late-commit', forSeconds: 0.8 }]),
});
