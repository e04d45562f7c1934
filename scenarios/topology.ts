// What stands between the load and the server, and beside the server? The schema of a scenario's topology, and its words.

import { z } from 'zod';

export const topologySchema = z.strictObject({
  /**
   * PgBouncer, through which the contender's agents connect; the harness's own connections go past it. Its server connections
   * (`poolSize`) are shared by all of them.
   */
  pooler: z
    .strictObject({ mode: z.enum(['transaction', 'session']), poolSize: z.int().min(1).max(500) })
    .optional(),
  /**
   * A hot standby that streams from the server through a physical replication slot. With `feedback` (hot_standby_feedback)
   * the primary keeps what queries on the standby may still look at.
   */
  standby: z.strictObject({ feedback: z.boolean() }).optional(),
});

export type Topology = z.output<typeof topologySchema>;

/** To follow the load model wherever that is printed: `, through PgBouncer (transaction mode, 8 server connections)`. Empty for none. */
export function describeTopology({ pooler, standby }: Topology = {}): string {
  const through =
    pooler === undefined
      ? ''
      : `, through PgBouncer (${pooler.mode} mode, ${pooler.poolSize} server ${pooler.poolSize === 1 ? 'connection' : 'connections'})`;
  const beside =
    standby === undefined ? '' : `, with a standby ${standby.feedback ? 'that gives' : 'without'} feedback`;
  return through + beside;
}
