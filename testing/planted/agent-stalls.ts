// A sound strategy whose agent computes for a second in mid-load, so that its event loop stands still.

import { atHundredthClaim } from './plant.ts';

export default atHundredthClaim('agent-stalls', () => {
  const untilMs = performance.now() + 1_000;
  while (performance.now() < untilMs);
});
