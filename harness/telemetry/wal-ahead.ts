// Are there segments of WAL for the load to write into, or must the server create them meanwhile?
//
// A new cluster has one segment. Each time it is full the server creates the next, writes its 16 MB of zeroes and syncs them, while
// every commit waits: 60 ms, each 12 s at 2,000 jobs/s, which is all of a p99. A server that has run for a while recycles old
// segments instead, so that is what a load is to find.

import { statfs } from 'node:fs/promises';
import { errorCode } from '../errors.ts';
import type { OwnSession } from './server-costs.ts';

/** What a load may write. It is the same for every contender of a scenario, however much each writes. */
export interface Ahead {
  readonly jobs: number;
  readonly payloadBytes: number;
}

/** Beside the payload: some times what the strategies were seen to write, as peers and full-page images are not known beforehand. */
const BYTES_PER_JOB = 4_000;
/** Of a payload: in a table, in a claim's own row, in an index or a full-page image. */
const COPIES = 3;
/** Each may take a second on a slow disk, and a statement has its time limit. */
const SWITCHES_PER_STATEMENT = 4;

/** What is left free on the disk: a server whose disk is full while it begins a segment stops (PANIC). */
const LEFT_FREE_BYTES = 1e9;

/** Segments of WAL as they lie on disk. */
interface Segments {
  readonly bytes: number;
  /** Before the present one; the next checkpoint recycles them. */
  readonly past: number;
  readonly ahead: number;
  /** So many a checkpoint keeps ahead at most, by the settings; 0 where it recycles none. */
  readonly most: number;
}

async function readSegments({ query }: OwnSession): Promise<Segments> {
  const [row] = await query<Segments & { [column: string]: number }>(
    `SELECT bytes::float8, past::int, ahead::int,
            CASE WHEN current_setting('wal_recycle')::bool THEN greatest(0, kept / bytes - 1) ELSE 0 END::int AS most
       FROM pg_size_bytes(current_setting('wal_segment_size')) AS bytes
       CROSS JOIN least(
         pg_size_bytes(current_setting('min_wal_size')), pg_size_bytes(current_setting('max_wal_size'))
       ) AS kept
       CROSS JOIN LATERAL (
         SELECT count(*) FILTER (WHERE name < present) AS past, count(*) FILTER (WHERE name > present) AS ahead
           FROM pg_ls_waldir(), pg_walfile_name(pg_current_wal_insert_lsn()) AS present
          WHERE name ~ '^[0-9A-F]{24}$'
       ) AS files`,
  );
  if (row === undefined) throw new Error('the server told nothing of its WAL');
  return row;
}

/** Bytes that are free on the disk of `folder`; where it may not be looked at, nobody knows of a bound. */
async function freeBytesOf(folder: string | undefined): Promise<number> {
  if (folder === undefined) return Number.POSITIVE_INFINITY;
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    // A container's files are for root alone, and a server that has gone has none.
    if (['EACCES', 'EPERM', 'ENOENT'].includes(errorCode(error) ?? '')) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** Bytes of WAL that fit into what lies ahead. */
export async function bytesAhead(session: OwnSession): Promise<number> {
  const { bytes, ahead } = await readSegments(session);
  return bytes * ahead;
}

/**
 * Begins so many segments that, once the next checkpoint has recycled those behind, the load needs no new one: as many as its
 * jobs may fill, as the server keeps, and as the disk of its data has room for. Each switch goes on to a segment that lies
 * ahead, or creates one. It takes a superuser of a server that nobody else uses.
 */
export async function beginSegments(
  session: OwnSession,
  { jobs, payloadBytes }: Ahead,
  dataDirectory: string | undefined,
): Promise<void> {
  const { bytes, past, ahead, most } = await readSegments(session);
  const wanted = Math.min(Math.ceil((jobs * (BYTES_PER_JOB + COPIES * payloadBytes)) / bytes), most);
  const freeBytes = await freeBytesOf(dataDirectory);
  const room = Math.max(0, Math.floor((freeBytes - LEFT_FREE_BYTES) / bytes));
  const switches = past + ahead < wanted ? Math.min(wanted - past, ahead + room) : 0;
  for (let left = switches; left > 0; left -= SWITCHES_PER_STATEMENT)
    // A segment without a record is not switched.
    await session.query(
      `SELECT count(pg_switch_wal())
         FROM (SELECT pg_logical_emit_message(false, 'claimbench', '') FROM generate_series(1, $1)) AS segment`,
      [Math.min(left, SWITCHES_PER_STATEMENT)],
    );
}
