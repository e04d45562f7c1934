import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'oversupply',
  group: 'load',
  question:
    'When more comes than the workers can do, does the queue go on at full speed while its backlog grows?',
  producers: { agents: 1, connections: 16 },
  // 400 jobs a second are done, 600 come.
  workers: { agents: 1, connections: 8 },
  job: { handler: { time: 'constant', ms: 20 } },
  warmupSeconds: 0.5,
  phases: [{ label: 'oversupply', seconds: 15, arrival: { model: 'poisson', ratePerSec: 600 } }],
  settleWithinSeconds: 30,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'oversupply', seconds: 2, arrival: { model: 'poisson', ratePerSec: 500 } }],
  },
});
