// A strategy whose acks ask for no lease, and tell truly what they did; all else is sound.

import { qualify } from '../../queue/index.ts';
import { planted } from './plant.ts';

export default planted('acks-without-fence', 'skip-locked', ({ session, connection, schema }) => ({
  async settle(outcomes) {
    const rest = await session.settle(outcomes.filter(({ kind }) => kind !== 'ack'));
    const asked = outcomes.flatMap(({ kind, job }) => (kind === 'ack' ? [job.id] : []));
    const { rows } = await connection.query<{ readonly id: string }>({
      text: `DELETE FROM ${qualify(schema, 'jobs')} WHERE id = ANY ($1::bigint[]) RETURNING id::text AS id`,
      values: [asked],
    });
    const acked = new Set(rows.map(({ id }) => id));
    return {
      ...rest,
      acked: acked.size,
      stale: [...rest.stale, ...asked.filter((id) => !acked.has(id))],
    };
  },
}));
