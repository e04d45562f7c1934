import { defineScenario } from '../scenario.ts';

const job = {
  handler: { time: 'constant', ms: 2 },
  poisonShare: 0.5,
  maxAttempts: 3,
  retry: { after: 'constant', ms: 200 },
} as const;

export default defineScenario({
  name: 'poison',
  group: 'crash',
  question: 'When every second job can never be done, are the others done, and the poisoned ones put aside?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  job,
  warmupSeconds: 0.5,
  phases: [{ label: 'poisoned', seconds: 12, arrival: { model: 'poisson', ratePerSec: 200 } }],
  settleWithinSeconds: 15,
  expect: ['lost = 0', 'inFlight = 0', 'retried = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'poisoned', seconds: 2, arrival: { model: 'poisson', ratePerSec: 80 } }],
  },
});
