import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'checkpoint-storm',
  group: 'neighbours',
  question: 'What do checkpoints in quick succession do to pickup and throughput?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('storm', [5, 15, 5], 500, [{ fault: 'checkpoint-storm', everySeconds: 1 }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('storm', [1.4, 1.2, 1.3], [{ fault: 'checkpoint-storm', everySeconds: 0.4 }], 80),
});
