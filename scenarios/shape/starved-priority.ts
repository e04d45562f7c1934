import { defineScenario } from '../scenario.ts';

/** Three of four are urgent. */
const priorities = [0, 0, 0, 9];

export default defineScenario({
  name: 'starved-priority',
  group: 'shape',
  question: 'While urgent jobs alone keep all workers busy, how long does the rest wait?',
  producers: { agents: 1, connections: 16 },
  // 400 jobs a second are done; 560 come, 420 of them urgent.
  workers: { agents: 1, connections: 8 },
  job: { priorities, handler: { time: 'constant', ms: 20 } },
  warmupSeconds: 0.5,
  phases: [
    { label: 'flood', seconds: 10, arrival: { model: 'poisson', ratePerSec: 560 } },
    { label: 'calm', seconds: 10, arrival: { model: 'poisson', ratePerSec: 100 } },
  ],
  settleWithinSeconds: 20,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [
      { label: 'flood', seconds: 1.5, arrival: { model: 'poisson', ratePerSec: 500 } },
      { label: 'calm', seconds: 1, arrival: { model: 'poisson', ratePerSec: 50 } },
    ],
  },
});
