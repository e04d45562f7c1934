import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'lost-sessions',
  group: 'crash',
  question:
    'While sessions of workers and producers are ended again and again, is every job still done once?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('ended', [5, 10, 5], 200, [{ fault: 'terminate-backends', perSec: 5 }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('ended', [1, 1.2, 1.2], [{ fault: 'terminate-backends', perSec: 5 }], 80),
});
