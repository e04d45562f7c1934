// How large is a job? The same steady load at four sizes.

import { defineScenario, type ScenarioInput } from '../scenario.ts';

function payload(size: string, payloadBytes: number, ratePerSec: number): ScenarioInput {
  return defineScenario({
    name: `payload-${size}`,
    group: 'shape',
    question: `What do jobs of ${payloadBytes.toLocaleString('en')} bytes cost, and how soon are they done?`,
    producers: { agents: 1, connections: 16 },
    workers: { agents: 1, connections: 8 },
    job: { payloadBytes },
    warmupSeconds: 0.5,
    phases: [{ label: 'steady', seconds: 10, arrival: { model: 'poisson', ratePerSec } }],
    settleWithinSeconds: 10,
    expect: ['lost = 0', 'inFlight = 0'],
    smoke: {
      warmupSeconds: 0.2,
      phases: [
        {
          label: 'steady',
          seconds: 2.5,
          arrival: { model: 'poisson', ratePerSec: Math.min(ratePerSec, 100) },
        },
      ],
    },
  });
}

export const payloads: readonly ScenarioInput[] = [
  payload('100b', 100, 300),
  payload('1kb', 1_000, 300),
  payload('10kb', 10_000, 300),
  payload('100kb', 100_000, 100),
];
