// A sound strategy that agents cannot open, though the coordinator can.

import { inAgent, planted } from './plant.ts';

if (inAgent()) throw new Error('not in here');

export default planted('agent-cannot-start', 'skip-locked', () => ({}));
