import { defineScenario } from './scenario.ts';

export default defineScenario({
  name: 'worker-stall',
  question: 'When a worker stops past its lease and then goes on, is its late settle refused?',
  producers: { agents: 1, connections: 4 },
  workers: { agents: 2, connections: 4 },
  job: { handler: { time: 'constant', ms: 20 } },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: [
    {
      label: 'steady',
      seconds: 6,
      arrival: { model: 'poisson', ratePerSec: 200 },
      faults: [{ fault: 'stall-worker', afterSeconds: 1.5, forSeconds: 3 }],
    },
  ],
  settleWithinSeconds: 15,
});
