// A sound strategy whose agent ends in mid-load, as one does that runs into `process.exit` of some library.

import { atHundredthClaim } from './plant.ts';

export default atHundredthClaim('agent-exits', () => process.exit(0));
