import { defineScenario } from '../scenario.ts';

/** One job in twenty is urgent. */
const priorities = [0, ...Array.from({ length: 19 }, () => 9)];

export default defineScenario({
  name: 'priority-flood',
  group: 'shape',
  question: 'Do urgent jobs stay quick when others flood the queue?',
  producers: { agents: 1, connections: 16 },
  // 400 jobs a second are done; 600 come, 30 of them urgent.
  workers: { agents: 1, connections: 8 },
  job: { priorities, handler: { time: 'constant', ms: 20 } },
  warmupSeconds: 0.5,
  phases: [{ label: 'flood', seconds: 15, arrival: { model: 'poisson', ratePerSec: 600 } }],
  settleWithinSeconds: 30,
  expect: ['lost = 0', 'priorityInversions = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.2,
    phases: [{ label: 'flood', seconds: 2, arrival: { model: 'poisson', ratePerSec: 500 } }],
  },
});
