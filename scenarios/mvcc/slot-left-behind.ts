import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'slot-left-behind',
  group: 'mvcc',
  question:
    'When a standby is lost and its slot stays behind, how much later are jobs picked up until it is dropped?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('left behind', [5, 15, 5], 500, [{ fault: 'lose-standby' }]),
  settleWithinSeconds: 15,
  topology: { standby: { feedback: true } },
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('left behind', [1.4, 1.2, 1.3], [{ fault: 'lose-standby' }]),
});
