import { defineScenario } from '../scenario.ts';

/** A day in a minute: hours of 2.5 s, in jobs per second. */
const HOURS = [
  40, 30, 25, 25, 30, 50, 100, 180, 280, 340, 380, 400, 360, 380, 400, 390, 360, 320, 280, 240, 200, 150, 100,
  60,
];

const day = (seconds: number) => ({
  label: 'day',
  seconds,
  arrival: { model: 'steps', steps: HOURS.map((ratePerSec) => ({ ratePerSec })) } as const,
});

export default defineScenario({
  name: 'day-curve',
  group: 'load',
  question: 'Is the night of a working day long enough for what its noon leaves behind?',
  producers: { agents: 1, connections: 16 },
  // 333 jobs a second: less than what noon brings, more than what a day brings on average.
  workers: { agents: 1, connections: 10 },
  job: { handler: { time: 'constant', ms: 30 } },
  warmupSeconds: 0.5,
  phases: [day(60)],
  settleWithinSeconds: 20,
  expect: ['lost = 0', 'inFlight = 0'],
  smoke: { warmupSeconds: 0.2, phases: [day(3)] },
});
