// A strategy whose ack deletes, beside the job itself, the next one in the queue, which nobody has claimed.

import { qualify } from '../../queue/index.ts';
import { planted } from './plant.ts';

export default planted('acks-for-others', 'skip-locked', ({ session, connection, schema }) => ({
  async settle(outcomes) {
    if (outcomes.some(({ job }) => BigInt(job.id) % 50n === 0n)) {
      const jobs = qualify(schema, 'jobs');
      await connection.query({
        text: `DELETE FROM ${jobs} WHERE id = (SELECT min(id) FROM ${jobs} WHERE state = 'r')`,
        values: [],
      });
    }
    return session.settle(outcomes);
  },
}));
