// What makes a server a hot standby, wherever it runs, and when does it stream?

import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

import { RuntimeFailure } from '../errors.ts';

const STREAMING_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 20;

/** Beside the primary's own settings, and where it streams from. */
export function standbySettings(feedback: boolean): Readonly<Record<string, string>> {
  return {
    hot_standby: 'on',
    hot_standby_feedback: feedback ? 'on' : 'off',
    // What its queries need is told to the primary so often; the default of 10 s is as long as a whole cell.
    wal_receiver_status_interval: '1s',
    // A query is never cancelled for what the primary has removed: replay waits for it.
    max_standby_streaming_delay: '-1',
    // It shares the machine, and serves a query or two.
    shared_buffers: '32MB',
  };
}

/** Resolves when the standby of a slot, which is its application_name too, streams. @throws RuntimeFailure at the deadline. */
export async function untilStreaming(
  client: pg.Client,
  slot: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + STREAMING_WITHIN_MS;
  for (;;) {
    signal?.throwIfAborted();
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'`,
      [slot],
    );
    if (rowCount === 1) return;
    if (performance.now() > deadline)
      throw new RuntimeFailure(`the standby did not stream within ${STREAMING_WITHIN_MS / 1000} s`);
    await sleep(LOOK_AGAIN_MS);
  }
}
