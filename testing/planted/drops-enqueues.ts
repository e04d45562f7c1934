// A strategy that confirms one enqueue in 50 and stores nothing.

import { planted } from './plant.ts';

let enqueues = 0;

export default planted('drops-enqueues', 'skip-locked', () => ({}), {
  enqueue: (sound) => async (db, jobs) => {
    enqueues += 1;
    return enqueues % 50 === 0 ? jobs.map(() => '0') : sound(db, jobs);
  },
});
