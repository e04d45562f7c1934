import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'burst',
  group: 'load',
  question: 'What does a burst of ten times the usual rate do to response times, and how soon is it over?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: [
    { label: 'before', seconds: 0.8, arrival: { model: 'poisson', ratePerSec: 100 } },
    { label: 'burst', seconds: 3.3, arrival: { model: 'poisson', ratePerSec: 1_000 } },
    { label: 'recovery', seconds: 1, arrival: { model: 'poisson', ratePerSec: 100 } },
  ],
  settleWithinSeconds: 10,
  smoke: {
    warmupSeconds: 0.2,
    phases: [
      { label: 'before', seconds: 0.8, arrival: { model: 'poisson', ratePerSec: 50 } },
      { label: 'burst', seconds: 1, arrival: { model: 'poisson', ratePerSec: 500 } },
      { label: 'recovery', seconds: 0.7, arrival: { model: 'poisson', ratePerSec: 50 } },
    ],
  },
});
