// A strategy without a fence: an ack takes effect whoever holds the lease now.

import { qualify } from '../../queue/index.ts';
import { planted } from './plant.ts';

export default planted('settles-stale', 'skip-locked', ({ connection, schema }) => ({
  async settle(outcomes) {
    const ids = outcomes.map((outcome) => outcome.job.id);
    await connection.query({
      text: `DELETE FROM ${qualify(schema, 'jobs')} WHERE id = ANY ($1::bigint[])`,
      values: [ids],
    });
    return { acked: ids.length, retried: 0, deadLettered: 0, released: 0, stale: [] };
  },
}));
