import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'notify-storm',
  group: 'neighbours',
  question: 'When others NOTIFY a thousand times a second, are signals of the queue still heard in time?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('storm', [5, 10, 5], 300, [{ fault: 'notify-storm', perSec: 1_000 }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('storm', [1.4, 1.2, 1.3], [{ fault: 'notify-storm', perSec: 200 }], 80),
});
