// A scenario of one's own: one question, and the load that answers it. Data only: it names no contender.
//
//   npm run --silent claimbench -- run --scenario ./examples/slow-jobs.ts --contender skip-locked --contender batch

import { defineScenario } from '../scenarios/scenario.ts';

export default defineScenario({
  name: 'slow-jobs',
  question: 'How soon is a job picked up when each takes 40 ms and eight workers are half busy?',
  workers: { agents: 1, connections: 8 },
  job: { handler: { time: 'constant', ms: 40 } },
  warmupSeconds: 1,
  phases: [{ label: 'half busy', seconds: 8, arrival: { model: 'poisson', ratePerSec: 100 } }],
  settleWithinSeconds: 10,
});
