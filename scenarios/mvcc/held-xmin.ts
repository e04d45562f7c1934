import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'held-xmin',
  group: 'mvcc',
  question:
    'While somebody keeps a snapshot open, how much later are jobs picked up, and how soon is it over?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('held', [5, 20, 10], 1000, [{ fault: 'held-xmin' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('held', [1, 1, 1.2], [{ fault: 'held-xmin' }]),
});
