// A strategy that loses one job in 10,000, the first early: it deletes the job when it claims it, and hands out nothing.

import { qualify } from '../../queue/index.ts';
import { planted } from './plant.ts';

export default planted('loses-jobs', 'batch', ({ session, connection, schema }) => ({
  async claim(queue, limit, leaseMs) {
    const jobs = await session.claim(queue, limit, leaseMs);
    const doomed = jobs.filter((job) => BigInt(job.id) % 10_000n === 100n);
    for (const { id } of doomed) {
      await connection.query({ text: `DELETE FROM ${qualify(schema, 'jobs')} WHERE id = $1`, values: [id] });
    }
    return jobs.filter((job) => !doomed.includes(job));
  },
}));
