// A strategy that hands delayed jobs out a quarter of a second before they are due.

import { qualify } from '../../queue/index.ts';
import { planted } from './plant.ts';

export default planted('hands-out-early', 'skip-locked', ({ session, connection, schema }) => ({
  async claim(queue, limit, leaseMs) {
    await connection.query({
      text: `
UPDATE ${qualify(schema, 'jobs')}
SET state = 'r'
WHERE state = 'd' AND run_at < now() + interval '250 ms'`,
    });
    return session.claim(queue, limit, leaseMs);
  },
}));
