import { defineScenario } from '../scenario.ts';
import { smokeStory, story } from '../story.ts';

export default defineScenario({
  name: 'prepared-transaction',
  group: 'mvcc',
  question: 'While a prepared transaction is left open, how much later are jobs picked up?',
  producers: { agents: 1, connections: 16 },
  workers: { agents: 1, connections: 8 },
  warmupSeconds: 0.5,
  phases: story('prepared', [5, 15, 8], 1000, [{ fault: 'prepared-transaction' }]),
  settleWithinSeconds: 15,
  serverNeeds: { max_prepared_transactions: 8 },
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: smokeStory('prepared', [1.4, 1.2, 1.3], [{ fault: 'prepared-transaction' }]),
});
