// How does a COPY FROM STDIN go through `pg`?

import pg from 'pg';
import { from } from 'pg-copy-streams';
import { fill } from './copying.ts';

/** Characters that wait for the server before the rows are held back. */
const WAITING_LENGTH = 262_144;

/**
 * Sends `rows` as the data of `text`. Nothing else may be sent by `client` meanwhile.
 *
 * On a connection that pipelines, pg lets in no class of queries but its own: such a one is sent behind others, and others
 * behind it. This one has the connection to itself, so that for its time the connection is one that does not pipeline.
 */
export async function copyThroughPg(
  client: pg.ClientBase,
  text: string,
  rows: Iterable<string>,
): Promise<void> {
  const pipelines = client instanceof pg.Client && client.pipeline;
  if (pipelines) Object.assign(client, { pipeline: false });
  try {
    await fill(client.query(from(text, { highWaterMark: WAITING_LENGTH })), rows);
  } finally {
    if (pipelines) Object.assign(client, { pipeline: true });
  }
}
