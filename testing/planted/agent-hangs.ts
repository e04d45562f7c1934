// A sound strategy whose agent falls into an endless loop in mid-load, and hears nothing any more.

import { atHundredthClaim } from './plant.ts';

export default atHundredthClaim('agent-hangs', () => {
  for (;;);
});
