import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'gate-drain',
  group: 'load',
  question: 'What does a claim cost with a backlog behind it, and how many jobs per second does that allow?',
  // Deep enough that a plan which reads or sorts the backlog stands out, and loaded in a second.
  preload: { ready: 60_000 },
  job: { priorities: [0, 5] },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: [{ label: 'drain', seconds: 3 }],
  smoke: { preload: { ready: 20_000 }, warmupSeconds: 0.2, phases: [{ label: 'drain', seconds: 1.2 }] },
});
