import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'stale-statistics',
  group: 'shape',
  question: 'When the planner believes the table to be empty, does a claim still read few rows?',
  preload: { ready: 300_000, analysed: false },
  workers: { agents: 1, connections: 8 },
  job: { handler: { time: 'constant', ms: 5 } },
  warmupSeconds: 0.5,
  phases: [{ label: 'drain', seconds: 5 }],
  smoke: {
    preload: { ready: 50_000, analysed: false },
    warmupSeconds: 0.2,
    phases: [{ label: 'drain', seconds: 2 }],
  },
});
