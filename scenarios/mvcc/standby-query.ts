import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'standby-query',
  group: 'mvcc',
  question:
    'While a long query on a standby holds back VACUUM on the primary, how much later are jobs picked up?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('query', [5, 15, 5], 500, [{ fault: 'standby-query' }]),
  settleWithinSeconds: 15,
  topology: { standby: { feedback: true } },
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('query', [1.4, 1.2, 1.3], [{ fault: 'standby-query' }]),
});
