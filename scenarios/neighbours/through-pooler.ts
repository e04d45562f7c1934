import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'through-pooler',
  group: 'neighbours',
  question: 'What does a pooler in transaction mode cost, at the rate and with the connections of `steady`?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: [{ label: 'steady', seconds: 7.5, arrival: { model: 'poisson', ratePerSec: 500 } }],
  settleWithinSeconds: 10,
  topology: { pooler: { mode: 'transaction', poolSize: 16 } },
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'steady', seconds: 2.5, arrival: { model: 'poisson', ratePerSec: 150 } }],
  },
});
