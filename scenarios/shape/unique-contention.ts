import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'unique-contention',
  group: 'shape',
  question: 'What does it cost when many producers enqueue a job of which there may be only one?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  job: { unique: { count: 50, policy: 'ignore' }, handler: { time: 'constant', ms: 20 } },
  warmupSeconds: 0.5,
  phases: [{ label: 'contention', seconds: 10, arrival: { model: 'poisson', ratePerSec: 500 } }],
  settleWithinSeconds: 10,
  expect: ['lost = 0', 'uniqueViolations = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'contention', seconds: 2, arrival: { model: 'poisson', ratePerSec: 150 } }],
  },
});
