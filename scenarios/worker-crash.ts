import { defineScenario } from './scenario.ts';

export default defineScenario({
  name: 'worker-crash',
  question: 'When one of two worker processes is killed in mid-run, is every job done, and how soon?',
  producers: { agents: 1, connections: 4 },
  workers: { agents: 2, connections: 4 },
  job: { handler: { time: 'constant', ms: 60 } },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: [
    {
      label: 'steady',
      seconds: 5,
      arrival: { model: 'poisson', ratePerSec: 100 },
      faults: [{ fault: 'kill-worker', afterSeconds: 2 }],
    },
  ],
  settleWithinSeconds: 15,
});
