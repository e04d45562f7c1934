import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'mixed-times',
  group: 'load',
  question: 'How long do short jobs wait behind long ones?',
  producers: { agents: 1, connections: 16 },
  // Half busy: 16 handlers of 13 ms on average.
  workers: { agents: 1, connections: 16 },
  job: { handler: { time: 'lognormal', medianMs: 5, p99Ms: 150 } },
  warmupSeconds: 0.5,
  phases: [{ label: 'steady', seconds: 15, arrival: { model: 'poisson', ratePerSec: 500 } }],
  settleWithinSeconds: 10,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'steady', seconds: 2.5, arrival: { model: 'poisson', ratePerSec: 200 } }],
  },
});
