import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'idle-listeners',
  group: 'neighbours',
  question: 'What do a thousand idle sessions that LISTEN cost each signal of the queue?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('listeners', [5, 15, 5], 300, [{ fault: 'idle-listeners', listeners: 1_000 }]),
  settleWithinSeconds: 15,
  serverNeeds: { max_connections: 1_200 },
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    ...smokeStory('listeners', [1.4, 1.5, 1.3], [{ fault: 'idle-listeners', listeners: 50 }], 80),
    serverNeeds: { max_connections: 160 },
  },
});
