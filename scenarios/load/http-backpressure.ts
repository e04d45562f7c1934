import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'http-backpressure',
  group: 'load',
  question:
    'Does a front that answers 429 keep the backlog, and the wait of the jobs that it takes, within bounds?',
  producers: { agents: 1, connections: 32, http: { backlogLimit: 200, retryAfterSeconds: 2 } },
  // 200 jobs a second are done.
  workers: { agents: 1, connections: 4 },
  job: { handler: { time: 'constant', ms: 20 } },
  warmupSeconds: 0.5,
  phases: [
    { label: 'within', seconds: 4, arrival: { model: 'poisson', ratePerSec: 100 } },
    { label: 'beyond', seconds: 8, arrival: { model: 'poisson', ratePerSec: 400 } },
    { label: 'after', seconds: 4, arrival: { model: 'poisson', ratePerSec: 100 } },
  ],
  settleWithinSeconds: 20,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [
      { label: 'within', seconds: 1, arrival: { model: 'poisson', ratePerSec: 50 } },
      { label: 'beyond', seconds: 3, arrival: { model: 'poisson', ratePerSec: 400 } },
      { label: 'after', seconds: 1, arrival: { model: 'poisson', ratePerSec: 50 } },
    ],
  },
});
