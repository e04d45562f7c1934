// A sound strategy in whose agent the clock is set back by five seconds in mid-load.

import { atHundredthClaim } from './plant.ts';

export default atHundredthClaim('clock-goes-back', () => {
  const now = performance.now.bind(performance);
  performance.now = () => now() - 5_000;
});
