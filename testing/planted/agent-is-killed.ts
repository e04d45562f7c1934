// A sound strategy whose agent is killed in mid-load, as by a machine that is out of memory.

import { atHundredthClaim } from './plant.ts';

export default atHundredthClaim('agent-is-killed', () => process.kill(process.pid, 'SIGKILL'));
