import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'soak',
  group: 'load',
  question: 'Is the queue after two hours as fast as in its first minutes?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 5,
  phases: [
    { label: 'first', seconds: 600, arrival: { model: 'poisson', ratePerSec: 300 } },
    { label: 'middle', seconds: 6_000, arrival: { model: 'poisson', ratePerSec: 300 } },
    { label: 'last', seconds: 600, arrival: { model: 'poisson', ratePerSec: 300 } },
  ],
  settleWithinSeconds: 30,
  expect: ['lost = 0', 'inFlight = 0', 'last.pickup.p99 <= 3 x first.pickup.p99'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [
      { label: 'first', seconds: 1, arrival: { model: 'poisson', ratePerSec: 150 } },
      { label: 'middle', seconds: 1, arrival: { model: 'poisson', ratePerSec: 150 } },
      { label: 'last', seconds: 1, arrival: { model: 'poisson', ratePerSec: 150 } },
    ],
    expect: ['lost = 0', 'inFlight = 0'],
  },
});
