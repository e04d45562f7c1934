import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'noisy-tenant',
  group: 'shape',
  question: 'When one customer sends most of the jobs, do the others still get theirs done?',
  producers: { agents: 1, connections: 16 },
  // Four handlers at a time for a customer leave four for the others.
  workers: { agents: 1, connections: 8 },
  limits: { concurrencyPerKey: 4 },
  job: { keys: { count: 20, hotShare: 0.7 }, handler: { time: 'constant', ms: 20 } },
  warmupSeconds: 0.5,
  phases: [{ label: 'noisy', seconds: 15, arrival: { model: 'poisson', ratePerSec: 250 } }],
  settleWithinSeconds: 60,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'noisy', seconds: 2, arrival: { model: 'poisson', ratePerSec: 100 } }],
    settleWithinSeconds: 20,
  },
});
