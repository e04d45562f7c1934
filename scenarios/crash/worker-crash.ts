import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'worker-crash',
  group: 'crash',
  question: 'When one of two worker processes is killed in mid-run, is every job done, and how soon?',
  producers: { agents: 1, connections: 4 },
  // Ten handlers are at work on average: whoever is killed has jobs in hand. One agent alone carries 320 a second, and a lease
  // outlasts twenty jobs, so that who claims many at once is not slowed down by leases that end.
  workers: { agents: 2, connections: 16 },
  job: { handler: { time: 'constant', ms: 50 } },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: story('killed', [4, 4, 4], 200, [{ fault: 'kill-worker' }]),
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('killed', [1.3, 1, 1.2], [{ fault: 'kill-worker' }], 160),
});
