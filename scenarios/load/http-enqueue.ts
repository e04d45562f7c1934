import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'http-enqueue',
  group: 'load',
  question:
    'How soon does a caller hear over HTTP that his job is in the queue, and how soon is that very job done?',
  producers: { agents: 1, connections: 32, http: { backlogLimit: 5_000, retryAfterSeconds: 1 } },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: [{ label: 'steady', seconds: 12, arrival: { model: 'poisson', ratePerSec: 250 } }],
  settleWithinSeconds: 10,
  expect: ['lost = 0', 'failed = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'steady', seconds: 2.5, arrival: { model: 'poisson', ratePerSec: 100 } }],
  },
});
