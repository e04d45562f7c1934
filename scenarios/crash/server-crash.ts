import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'server-crash',
  group: 'crash',
  question:
    'When PostgreSQL crashes and comes back, how soon are the workers at work again, and is every job there?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('crash', [5, 10, 5], 200, [{ fault: 'restart-server', mode: 'immediate' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0', 'recovery.regainedSeconds <= 5 s'],
  smoke: smokeStory('crash', [1, 1.6, 1.2], [{ fault: 'restart-server', mode: 'immediate' }], 80),
});
