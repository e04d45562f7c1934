import { defineScenario } from '../scenario.ts';

const phases = (before: number, during: number, after: number, ratePerSec: number) => [
  { label: 'before', seconds: before, measured: false },
  { label: 'during', seconds: during, arrival: { model: 'poisson', ratePerSec } as const },
  { label: 'after', seconds: after, measured: false },
];

export default defineScenario({
  name: 'bystander',
  group: 'neighbours',
  question: 'How much slower do the other transactions of the database grow while the queue is at work?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  neighbours: { bystander: { ratePerSec: 200, connections: 4 } },
  warmupSeconds: 0.5,
  phases: phases(10, 15, 10, 500),
  settleWithinSeconds: 10,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    neighbours: { bystander: { ratePerSec: 60, connections: 4, rows: 1_000 } },
    warmupSeconds: 0.1,
    phases: phases(1, 1.5, 1, 120),
  },
});
