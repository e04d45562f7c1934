import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'server-restart',
  group: 'crash',
  question: 'When PostgreSQL is restarted in good order, how soon are the workers at work again?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('restart', [5, 10, 5], 200, [{ fault: 'restart-server', mode: 'fast' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0', 'recovery.regainedSeconds <= 5 s'],
  smoke: smokeStory('restart', [1.4, 1.8, 1.3], [{ fault: 'restart-server', mode: 'fast' }], 80),
});
