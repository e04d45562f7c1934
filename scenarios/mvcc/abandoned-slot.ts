import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'abandoned-slot',
  group: 'mvcc',
  question: 'What does a replication slot that nobody reads from keep, and does the queue feel it?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('abandoned', [5, 15, 8], 500, [{ fault: 'abandon-slot' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('abandoned', [1.4, 1.2, 1.3], [{ fault: 'abandon-slot' }]),
});
