import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'ramp',
  group: 'load',
  question: 'At which rate does the wait for a pickup begin to grow?',
  producers: { agents: 1, connections: 16 },
  // Eight handlers of 10 ms carry 800 jobs a second: the ramp ends beyond that, whatever the queue.
  workers: { agents: 1, connections: 8 },
  job: { handler: { time: 'constant', ms: 10 } },
  warmupSeconds: 0.5,
  phases: [{ label: 'ramp', seconds: 20, arrival: { model: 'ramp', fromPerSec: 50, toPerSec: 1_000 } }],
  settleWithinSeconds: 20,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'ramp', seconds: 3, arrival: { model: 'ramp', fromPerSec: 50, toPerSec: 400 } }],
  },
});
