import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'slow-handlers',
  group: 'load',
  question:
    'What does a swell of jobs that wait for somebody else cost, where the number of handlers is fixed, and where it follows the load?',
  producers: { agents: 1, connections: 8 },
  workers: { agents: 1, connections: 2 },
  job: { handler: { time: 'constant', ms: 100 } },
  warmupSeconds: 1,
  phases: [
    { label: 'calm', seconds: 4, arrival: { model: 'poisson', ratePerSec: 20 } },
    { label: 'swell', seconds: 8, arrival: { model: 'poisson', ratePerSec: 300 } },
    { label: 'after', seconds: 4, arrival: { model: 'poisson', ratePerSec: 20 } },
  ],
  settleWithinSeconds: 120,
  smoke: {
    warmupSeconds: 0.2,
    phases: [
      { label: 'calm', seconds: 1, arrival: { model: 'poisson', ratePerSec: 15 } },
      { label: 'swell', seconds: 1, arrival: { model: 'poisson', ratePerSec: 60 } },
      { label: 'after', seconds: 1, arrival: { model: 'poisson', ratePerSec: 15 } },
    ],
    settleWithinSeconds: 10,
  },
});
