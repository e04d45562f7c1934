import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'drain',
  group: 'load',
  question: 'How many jobs per second can the workers claim and settle when the backlog never ends?',
  // The fastest settle 600,000 in a second: whatever is left after the warm-up must last.
  preload: { ready: 600_000 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: [{ label: 'drain', seconds: 2 }],
  smoke: { preload: { ready: 300_000 }, warmupSeconds: 0.1, phases: [{ label: 'drain', seconds: 1 }] },
});
