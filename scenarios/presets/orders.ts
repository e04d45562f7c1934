import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'orders',
  group: 'presets',
  question:
    'A shop: each order is a row and three jobs in one transaction. Is there an order without its jobs, or a job without its order?',
  producers: { agents: 1, connections: 16, transaction: { jobs: 3, rollbackShare: 0.05 } },
  workers: { agents: 1, connections: 8 },
  job: {
    // Payment, inventory, notification: the payment first.
    priorities: [0, 5, 9],
    handler: { time: 'lognormal', medianMs: 8, p99Ms: 60 },
    failShare: 0.01,
    retry: { after: 'exponential', baseMs: 200, capMs: 5_000 },
  },
  warmupSeconds: 0.5,
  phases: [{ label: 'shop', seconds: 15, arrival: { model: 'poisson', ratePerSec: 80 } }],
  settleWithinSeconds: 20,
  expect: ['lost = 0', 'inFlight = 0', 'deadLettered = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'shop', seconds: 2, arrival: { model: 'poisson', ratePerSec: 40 } }],
  },
});
