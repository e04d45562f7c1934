import { defineScenario } from './scenario.ts';

const arrival = { model: 'poisson', ratePerSec: 500 } as const;

export default defineScenario({
  name: 'standby-query',
  question:
    'While a long query on a standby holds back VACUUM on the primary, how much later are jobs picked up?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: [
    { label: 'before', seconds: 5, arrival },
    { label: 'query', seconds: 15, arrival, faults: [{ fault: 'standby-query' }] },
    { label: 'after', seconds: 5, arrival },
  ],
  settleWithinSeconds: 15,
  topology: { standby: { feedback: true } },
});
