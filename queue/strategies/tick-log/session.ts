// How does one consumer of the log take chunks, and settle what was in them?

import assert from 'node:assert/strict';
import type { Connection } from '../../drivers/driver.ts';
import { MAX_ATTEMPTS } from '../../job.ts';
import { prepared } from '../../sql.ts';
import type {
  ClaimedJob,
  Heartbeat,
  JobId,
  Outcome,
  SettleResult,
  Turn,
  WorkerSession,
} from '../../strategy.ts';
import { PLACES } from '../shared/place-token.ts';
import { keepIndexPlans } from '../shared/planner.ts';
import { delayMsOf, storableError } from '../shared/settle.ts';
import { EmptyQueues, type KnownTicks } from './known-ticks.ts';
import { extendSql, settleCall } from './settle-sql.ts';
import type { LogTables } from './tables.ts';

const CLAIM_TYPES = ['text', 'integer', 'double precision', 'text'];
/** Parameters of a settle, which stand before those of the claim in a turn. */
const SETTLE_PARAMETERS = 7;

interface ChunkRow {
  readonly chunk_id: string | null;
  readonly expires_ms: number;
  readonly ids: string;
  readonly marks: string | null;
  readonly payloads: string;
}

interface StaleRow {
  readonly stale: readonly string[];
}

/** Statements of one schema, made once and shared by its sessions. */
export type SessionStatements = ReturnType<typeof sessionStatements>;

/** Makes the statements of `tables`. */
export function sessionStatements(tables: LogTables) {
  const claimCall = (offset: number, settled: string): string => {
    const parameters = CLAIM_TYPES.map((type, index) => `$${offset + index + 1}::${type}`);
    return `${tables.claim}(${parameters.join(', ')}, ${settled})`;
  };
  const columns = 'chunk.chunk_id, chunk.expires_ms, chunk.ids, chunk.marks, chunk.payloads';
  return {
    claim: prepared(`SELECT ${columns} FROM ${claimCall(0, 'NULL')} AS chunk`),
    settle: prepared(`SELECT ${settleCall(tables)} AS stale`),
    // The claim is given what the settle returns: so it cannot run before it.
    turn: prepared(`
SELECT settled.stale, ${columns}
FROM (SELECT ${settleCall(tables)} AS stale OFFSET 0) AS settled
LEFT JOIN LATERAL ${claimCall(SETTLE_PARAMETERS, 'settled.stale')} AS chunk ON true`),
    extend: prepared(extendSql(tables)),
  };
}

function toJobs(queue: string, row: ChunkRow | undefined): readonly ClaimedJob[] {
  if (row === undefined || row.chunk_id === null) return [];
  const payloads: unknown = JSON.parse(`[${row.payloads}]`);
  const ids = row.ids.split(',');
  assert(Array.isArray(payloads) && payloads.length === ids.length, 'a chunk has a payload for each id');
  const first = Number(row.chunk_id) * PLACES;
  assert(Number.isSafeInteger(first + PLACES), 'chunk ids have outgrown the fencing tokens');
  const marks = row.marks === null ? undefined : parseMarks(row.marks);
  return ids.map((id, place): ClaimedJob => {
    const mark = marks?.get(id);
    return {
      id,
      queue,
      payload: payloads[place],
      priority: 0,
      attempt: (mark?.attempt ?? 0) + 1,
      maxAttempts: mark?.maxAttempts ?? MAX_ATTEMPTS,
      lease: { fencingToken: String(first + place), expiresAtMs: row.expires_ms },
    };
  });
}

interface Mark {
  readonly attempt: number;
  readonly maxAttempts: number;
}

/** `id:attempts used up:max attempts`, for the jobs that have had an attempt, or are not to have the usual number. */
function parseMarks(text: string): ReadonlyMap<JobId, Mark> {
  const marks = text.split(',').map((mark): [JobId, Mark] => {
    const [id = '', attempt, maxAttempts] = mark.split(':');
    return [id, { attempt: Number(attempt), maxAttempts: Number(maxAttempts) }];
  });
  return new Map(marks);
}

/** The jobs of one chunk among those of a statement: in `at`, the index of each place's job. */
interface Share {
  readonly chunkId: number;
  readonly at: (number | undefined)[];
  filled: number;
}

interface Shares {
  readonly parts: readonly Share[];
  /** Indexes of what names a place a second time. */
  readonly twice: readonly number[];
}

/** Sorts by chunk. Those of one chunk mostly come one after another. */
function shares(tokens: readonly number[]): Shares {
  const parts: Share[] = [];
  const twice: number[] = [];
  let part: Share | undefined;
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index] ?? 0;
    const chunkId = Math.floor(token / PLACES);
    if (part?.chunkId !== chunkId) {
      part = parts.find((other) => other.chunkId === chunkId);
      if (part === undefined) {
        part = { chunkId, at: [], filled: 0 };
        parts.push(part);
      }
    }
    const place = token - chunkId * PLACES;
    if (part.at[place] !== undefined) {
      twice.push(index);
      continue;
    }
    part.at[place] = index;
    part.filled += 1;
  }
  return { parts, twice };
}

function maskOf({ at, filled }: Share): string {
  if (filled === at.length) return '1'.repeat(filled);
  let mask = '';
  for (let place = 0; place < at.length; place += 1) mask += at[place] === undefined ? '0' : '1';
  return mask;
}

function tokenOf({ lease }: ClaimedJob): number {
  return Number(lease.fencingToken);
}

/** Indexes of the jobs that the server calls stale: per share '' for none, '*' for all, or a mask of places. */
function staleIndexes(parts: readonly Share[], stale: readonly string[]): number[] {
  const found: number[] = [];
  for (const [number, { at }] of parts.entries()) {
    const mask = stale[number] ?? '';
    if (mask === '') continue;
    for (let place = 0; place < at.length; place += 1) {
      const index = at[place];
      if (index !== undefined && (mask === '*' || mask[place] === '1')) found.push(index);
    }
  }
  return found;
}

/** A settle on its way: the statement's values, and how to read the answer. */
function prepareSettle(outcomes: readonly Outcome[]) {
  const tokens = outcomes.map(({ job }) => tokenOf(job));
  const { parts, twice } = shares(tokens);
  const others: { readonly outcome: Outcome; readonly token: number }[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.kind === 'ack' || twice.includes(index)) continue;
    others.push({ outcome, token: tokens[index] ?? 0 });
  }
  const values = [
    parts.map(({ chunkId }) => chunkId),
    parts.map(maskOf),
    others.map(({ token }) => Math.floor(token / PLACES)),
    others.map(({ token }) => token % PLACES),
    others.map(({ outcome }) => outcome.kind),
    others.map(({ outcome }) => delayMsOf(outcome)),
    others.map(({ outcome }) => ('error' in outcome ? storableError(outcome.error) : null)),
  ];
  const read = (stale: readonly string[]): SettleResult => {
    const staleAt = [...twice, ...staleIndexes(parts, stale)];
    if (others.length > 0 || staleAt.length > 0) return countSettled(outcomes, new Set(staleAt));
    return { acked: outcomes.length, retried: 0, deadLettered: 0, released: 0, stale: [] };
  };
  return { values, read };
}

const COUNTS = {
  ack: 'acked',
  retry: 'retried',
  'dead-letter': 'deadLettered',
  release: 'released',
} as const;

function countSettled(outcomes: readonly Outcome[], stale: ReadonlySet<number>): SettleResult {
  const counts = { acked: 0, retried: 0, deadLettered: 0, released: 0 };
  const staleIds: JobId[] = [];
  for (const [index, { kind, job }] of outcomes.entries()) {
    if (stale.has(index)) staleIds.push(job.id);
    else counts[COUNTS[kind]] += 1;
  }
  return { ...counts, stale: staleIds };
}

function heartbeatOn(connection: Connection, statements: SessionStatements): Heartbeat {
  return {
    async extend(jobs, leaseMs) {
      const { parts } = shares(jobs.map(tokenOf));
      const values = [parts.map(({ chunkId }) => chunkId), parts.map(maskOf), leaseMs];
      const { rows } = await connection.query<StaleRow>(statements.extend(values));
      return staleIndexes(parts, rows[0]?.stale ?? []).flatMap((index) => jobs[index]?.id ?? []);
    },
  };
}

/** A consumer. Closes its connection when disposed. */
export async function openLogSession(
  statements: SessionStatements,
  opened: Connection,
  workerId: string,
  ticks: KnownTicks,
): Promise<WorkerSession> {
  const connection = await keepIndexPlans(opened);
  const empty = new EmptyQueues(ticks);
  const turn: Turn = {
    async settleAndClaim(outcomes, queue, limit, leaseMs) {
      const { tick } = empty;
      const settle = prepareSettle(outcomes);
      const { rows } = await connection.query<StaleRow & ChunkRow>(
        statements.turn([...settle.values, queue, limit, leaseMs, workerId]),
      );
      const jobs = empty.note(queue, tick, toJobs(queue, rows[0]));
      return { settled: settle.read(rows[0]?.stale ?? []), jobs };
    },
  };
  return {
    turn,
    heartbeat: heartbeatOn(connection, statements),
    async claim(queue, limit, leaseMs) {
      if (empty.isEmpty(queue)) return [];
      const { tick } = empty;
      const { rows } = await connection.query<ChunkRow>(statements.claim([queue, limit, leaseMs, workerId]));
      return empty.note(queue, tick, toJobs(queue, rows[0]));
    },
    async settle(outcomes) {
      const settle = prepareSettle(outcomes);
      const { rows } = await connection.query<StaleRow>(statements.settle(settle.values));
      return settle.read(rows[0]?.stale ?? []);
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
