import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'email',
  group: 'presets',
  question:
    'A newsletter: thousands of mails at once, sent at the rate that the provider allows. Is the rate kept, and used up?',
  producers: { agents: 1, connections: 4, bulk: 1_000 },
  workers: { agents: 1, connections: 8 },
  limits: { rate: { jobs: 200, periodMs: 1_000 } },
  job: { payloadBytes: 500, handler: { time: 'lognormal', medianMs: 15, p99Ms: 100 } },
  warmupSeconds: 0.5,
  phases: [{ label: 'newsletter', seconds: 20, arrival: { model: 'burst', jobs: 2_000, everySeconds: 10 } }],
  settleWithinSeconds: 30,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: {
    warmupSeconds: 0.1,
    phases: [{ label: 'newsletter', seconds: 2.5, arrival: { model: 'burst', jobs: 300, everySeconds: 1 } }],
    settleWithinSeconds: 10,
  },
});
