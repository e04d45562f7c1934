// A trace of one's own, replayed: one job a line, seconds from its start, with its priority or size where it has one.
//
//   npm run --silent claimbench -- run --scenario ./examples/replay.ts --contender skip-locked

import { defineScenario } from '../scenarios/scenario.ts';

export default defineScenario({
  name: 'replay',
  question: 'How soon are the jobs of a recorded morning picked up?',
  job: { priorities: [0] },
  warmupSeconds: 0,
  phases: [{ label: 'morning', seconds: 3, arrival: { model: 'trace', file: './morning.ndjson', speed: 1 } }],
  settleWithinSeconds: 5,
});
