import { defineScenario } from './scenario.ts';

const arrival = { model: 'poisson', ratePerSec: 500 } as const;

export default defineScenario({
  name: 'slot-left-behind',
  question:
    'When a standby is lost and its slot stays behind, how much later are jobs picked up until it is dropped?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: [
    { label: 'before', seconds: 5, arrival },
    { label: 'left behind', seconds: 15, arrival, faults: [{ fault: 'lose-standby' }] },
    { label: 'after', seconds: 5, arrival },
  ],
  settleWithinSeconds: 15,
  topology: { standby: { feedback: true } },
});
