import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'finished-rows',
  group: 'shape',
  question: 'Does the queue grow slower with every finished job that it keeps?',
  preload: { finished: 500_000 },
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: [{ label: 'steady', seconds: 10, arrival: { model: 'poisson', ratePerSec: 300 } }],
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    preload: { finished: 2_000 },
    warmupSeconds: 0.2,
    phases: [{ label: 'steady', seconds: 2, arrival: { model: 'poisson', ratePerSec: 100 } }],
  },
});
