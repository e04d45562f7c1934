// A sound strategy in whose agents the clock is 400 ms ahead of everybody else's.

import { inAgent, planted } from './plant.ts';

if (inAgent()) {
  const now = performance.now.bind(performance);
  performance.now = () => now() + 400;
}

export default planted('clock-is-ahead', 'skip-locked', () => ({}));
