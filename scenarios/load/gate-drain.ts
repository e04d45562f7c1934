import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'gate-drain',
  group: 'load',
  question: 'What does a claim cost with a backlog behind it, and how many jobs per second does that allow?',
  // Deep enough that a plan which reads or sorts the backlog stands out, and loaded in a second.
  preload: { ready: 40_000 },
  job: { priorities: [0, 5] },
  workers: { agents: 1, connections: 8 },
  // Short, so that many fit into the time: it is blocks that tell, not jobs.
  warmupSeconds: 0.3,
  phases: [{ label: 'drain', seconds: 1.6 }],
  smoke: { preload: { ready: 20_000 }, warmupSeconds: 0.2, phases: [{ label: 'drain', seconds: 1.2 }] },
});
