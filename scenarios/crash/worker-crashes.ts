import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'worker-crashes',
  group: 'crash',
  question: 'When workers are killed and started anew again and again, does every job get done in the end?',
  producers: { agents: 1, connections: 4 },
  workers: { agents: 2, connections: 16 },
  job: { handler: { time: 'constant', ms: 50 } },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('killed', [4, 8, 6], 200, [{ fault: 'kill-worker', everySeconds: 1.5, replaced: true }]),
  settleWithinSeconds: 20,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory(
    'killed',
    [1.4, 1.5, 1.5],
    [{ fault: 'kill-worker', everySeconds: 0.7, replaced: true }],
    160,
  ),
});
