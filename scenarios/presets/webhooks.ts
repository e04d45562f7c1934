import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'webhooks',
  group: 'presets',
  question: 'Webhooks: slow, one in seven fails, retried with backoff. Is each delivered, and how late?',
  producers: { agents: 1, connections: 8 },
  workers: { agents: 1, connections: 16 },
  job: {
    payloadBytes: 800,
    handler: { time: 'lognormal', medianMs: 80, p99Ms: 900 },
    failShare: 0.15,
    retry: { after: 'exponential', baseMs: 500, capMs: 10_000 },
  },
  warmupSeconds: 0.5,
  phases: [{ label: 'deliveries', seconds: 20, arrival: { model: 'poisson', ratePerSec: 60 } }],
  settleWithinSeconds: 60,
  expect: ['lost = 0', 'deadLettered = 0', 'inFlight = 0', 'retried = 0'],
  smoke: {
    job: {
      handler: { time: 'lognormal', medianMs: 20, p99Ms: 150 },
      failShare: 0.15,
      retry: { after: 'exponential', baseMs: 100, capMs: 500 },
    },
    warmupSeconds: 0.2,
    phases: [{ label: 'deliveries', seconds: 2, arrival: { model: 'poisson', ratePerSec: 50 } }],
    settleWithinSeconds: 15,
  },
});
