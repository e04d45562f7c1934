import { defineScenario } from '../scenario.ts';

export default defineScenario({
  name: 'media',
  group: 'presets',
  question: 'Video: few jobs that run far beyond their lease. Does the heartbeat keep each with its worker?',
  producers: { agents: 1, connections: 4 },
  workers: { agents: 2, connections: 8 },
  job: { payloadBytes: 1_000, handler: { time: 'lognormal', medianMs: 3_000, p99Ms: 8_000 } },
  leaseMs: 1_000,
  warmupSeconds: 0.5,
  phases: [{ label: 'transcoding', seconds: 40, arrival: { model: 'poisson', ratePerSec: 3 } }],
  settleWithinSeconds: 60,
  expect: ['lost = 0', 'redelivered = 0', 'inFlight = 0'],
  smoke: {
    job: { payloadBytes: 1_000, handler: { time: 'constant', ms: 1_200 } },
    leaseMs: 400,
    warmupSeconds: 0.1,
    phases: [{ label: 'transcoding', seconds: 3, arrival: { model: 'poisson', ratePerSec: 5 } }],
    settleWithinSeconds: 8,
  },
});
