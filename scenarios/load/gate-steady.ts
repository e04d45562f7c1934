import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'gate-steady',
  group: 'load',
  question:
    'What does a job cost from its enqueue on, and how soon is it picked up, at a rate that is no strain?',
  producers: { agents: 1, connections: 8 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.3,
  // As many jobs as a 90th percentile needs, and no more: it is blocks that tell.
  phases: [{ label: 'steady', seconds: 3, arrival: { model: 'poisson', ratePerSec: 450 } }],
  settleWithinSeconds: 10,
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'steady', seconds: 2.5, arrival: { model: 'poisson', ratePerSec: 150 } }],
  },
});
