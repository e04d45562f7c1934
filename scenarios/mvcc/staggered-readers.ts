import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'staggered-readers',
  group: 'mvcc',
  question:
    'Under reports that overlap, so that the horizon moves and is never free, does the queue keep its pace?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('reports', [5, 20, 10], 1000, [{ fault: 'held-xmin', kind: 'staggered', eachSeconds: 6 }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory(
    'reports',
    [1.4, 1.2, 1.3],
    [{ fault: 'held-xmin', kind: 'staggered', eachSeconds: 0.6 }],
  ),
});
