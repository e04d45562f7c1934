// A sound strategy whose agent reports ten jobs more than it finished.

import { atHundredthClaim } from './plant.ts';

export default atHundredthClaim('agent-lies', () => {
  const send = process.send?.bind(process);
  process.send = (message: unknown) => send?.(embellished(message)) ?? false;
});

function embellished(message: unknown): unknown {
  if (typeof message !== 'object' || message === null || !('counters' in message)) return message;
  const { counters } = message;
  if (typeof counters !== 'object' || counters === null || !('finished' in counters)) return message;
  return { ...message, counters: { ...counters, finished: Number(counters.finished) + 10 } };
}
