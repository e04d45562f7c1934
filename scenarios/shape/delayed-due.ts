import { defineScenario } from '../scenario.ts';

const phases = (before: number, due: number) => [
  { label: 'before', seconds: before, arrival: { model: 'poisson', ratePerSec: 100 } as const },
  { label: 'due', seconds: due, arrival: { model: 'poisson', ratePerSec: 100 } as const },
];

export default defineScenario({
  name: 'delayed-due',
  group: 'shape',
  question: 'When a million delayed jobs fall due at once, how soon are they ready, and who waits for it?',
  preload: { delayed: { jobs: 1_000_000, dueAtSeconds: 5 } },
  producers: { agents: 1, connections: 8 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: phases(5, 25),
  settleWithinSeconds: 120,
  expect: ['lost = 0', 'earlyHandOuts = 0'],
  smoke: {
    preload: { delayed: { jobs: 5_000, dueAtSeconds: 1 } },
    warmupSeconds: 0.2,
    phases: phases(1, 2),
    settleWithinSeconds: 15,
    expect: ['lost = 0', 'earlyHandOuts = 0', 'inFlight = 0'],
  },
});
