// What does a load need of its server? Jobs that outlast it and do not fill the disk, and connections.

import { UsageError } from '../../harness/errors.ts';

/** Jobs per second above which nothing was seen to settle for long. */
export const FASTEST_PER_SEC = 240_000;
/** What a server cannot hand out faster, whatever the size of its jobs. */
const FASTEST_BYTES_PER_SEC = 400e6;
/** A backlog costs little up to here. */
const BACKLOG_MIN = 20_000;
const BACKLOG_MIN_BYTES = 200e6;

/** What a scenario takes. */
const READY_MAX = 10_000_000;

/** Jobs that outlast a load of so many seconds that settles `mostPerSec` jobs per second at most; bounded by their size. */
export function backlogOf(seconds: number, mostPerSec: number, payloadBytes: number): number {
  const wanted = Math.min(mostPerSec * 1.1, FASTEST_BYTES_PER_SEC / payloadBytes) * seconds;
  const least = Math.min(BACKLOG_MIN, BACKLOG_MIN_BYTES / payloadBytes);
  return Math.min(READY_MAX, Math.ceil(Math.max(wanted, least)));
}

/** What jobs that lie ready may take of the disk, beside as much of WAL. */
const DISK_MAX_BYTES = 8e9;
/** Of a row beside its payload, with its index entries. */
const ROW_BYTES = 300;

/** @throws UsageError for more jobs than may lie ready. `where` names what asks for them. */
export function requireRoom(ready: number, payloadBytes: number, where: string): void {
  const bytes = ready * (payloadBytes + ROW_BYTES);
  if (bytes > DISK_MAX_BYTES)
    throw new UsageError(
      `${where}: ${ready.toLocaleString('en')} jobs of ${payloadBytes.toLocaleString('en')} bytes would lie ready, which is ${Math.ceil(bytes / 1e9)} GB of disk and as much of WAL (${DISK_MAX_BYTES / 1e9} GB at most): take fewer seconds, a smaller payload or depth`,
    );
}

interface Sessions {
  readonly agents: number;
  readonly connections: number;
}

/** What producers and workers take of max_connections, with room for the harness. */
export function connectionsNeeded(workers: Sessions, producers: Sessions): number {
  const of = ({ agents, connections }: Sessions): number => agents * (connections + BESIDE_CONNECTIONS);
  return of(workers) + of(producers) + SPARE_CONNECTIONS;
}

/** Of each agent, beside those that claim or send. */
const BESIDE_CONNECTIONS = 3;
/** For the harness's own questions, and those that a server keeps for superusers. */
const SPARE_CONNECTIONS = 20;
