// A sound strategy that is slow for a reason that only its plan tells: before each claim it reads the whole table.

import { qualify } from '../../queue/index.ts';
import { planted } from './plant.ts';

export default planted('scans-table', 'skip-locked', ({ session, connection, schema }) => ({
  async claim(queue, limit, leaseMs) {
    await connection.query({ text: `SELECT count(*) FROM ${qualify(schema, 'jobs')} WHERE attempt < 0` });
    return session.claim(queue, limit, leaseMs);
  },
}));
