import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'starved-autovacuum',
  group: 'mvcc',
  question: 'When autovacuum does not come, how soon do dead rows slow the queue down?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('starved', [5, 30, 10], 1000, [{ fault: 'starved-autovacuum' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('starved', [1.4, 1.2, 1.3], [{ fault: 'starved-autovacuum' }]),
});
