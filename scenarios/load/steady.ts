import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'steady',
  group: 'load',
  question: 'How soon is a job picked up and done at a steady rate that the queue can carry?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: [{ label: 'steady', seconds: 7.5, arrival: { model: 'poisson', ratePerSec: 500 } }],
  settleWithinSeconds: 10,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'steady', seconds: 2.5, arrival: { model: 'poisson', ratePerSec: 150 } }],
  },
});
