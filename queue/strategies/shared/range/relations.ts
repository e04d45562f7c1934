// Which relations does a queue of ranges consist of?
//
// Jobs of one queue and priority are a *lane*: a log in which each job has the next number. Four sequences belong to a
// lane, since a sequence has no versions that a held-back VACUUM could pile up:
//
// - `numbers`: the last number that was given to a job, committed or not.
// - `cursor`: up to here numbers were handed out, or passed over.
// - `floor`: up to here everything is settled for good.
// - `swept`: up to here the books hold nothing any more.
//
// Every number in (floor, cursor] lies in exactly one row of `spans` (a lease, or what is settled) or `gaps` (numbers
// whose jobs were not there when the cursor passed, or came back from a dead worker). A number in neither belongs to a
// claim that is under way, or to one that was cut off after it had moved the cursor: `tend` tells them apart.

import { createHash } from 'node:crypto';
import type { Migration } from '../../../schema/migrations.ts';
import { qualify } from '../../../sql.ts';
import type { StrategyOptions } from '../../../strategy.ts';
import { vacuumedAfter } from '../storage.ts';

/** The qualified, quoted names of one schema's relations, and what tells the two designs apart. */
export interface RangeTables {
  readonly schema: string;
  /** Where jobs are inserted, and found whatever table they lie in. */
  readonly jobs: string;
  /** The tables that jobs lie in: `jobs` itself, or three that take turns and are truncated. */
  readonly slots: readonly string[];
  readonly rotates: boolean;
  /** The turn, modulo 3 the slot that new jobs go to. Only where slots take turns. */
  readonly turns: string;
  readonly lanes: string;
  readonly spans: string;
  readonly gaps: string;
  readonly inbox: string;
  readonly delayed: string;
  readonly dead: string;
  /** Of ids that no lane gives: jobs that entered by the inbox, or waited. */
  readonly ids: string;
  readonly leases: string;
  /** How far `leases` had come when the books were tended last. */
  readonly tended: string;
  readonly fillfactor: number;
  /** First keys of the advisory locks, which are apart for each schema of a database. */
  readonly locks: RangeLocks;
}

/** Two-key advisory locks; the second key is the lane. A clash with another schema's costs time, not safety. */
export interface RangeLocks {
  /** Held by the session that moves the lane's cursor, for less than a statement. */
  readonly latch: number;
  /** Held, shared, by every transaction that moves it, until it has ended. */
  readonly moving: number;
  readonly opening: number;
  readonly tending: number;
  /** Held, shared, by every transaction that takes waiting jobs out of the lane, until it has ended. */
  readonly removing: number;
}

/** The names for a schema. Throws InvalidArgumentError when it is no valid identifier. */
export function rangeTables({ schema, fillfactor = 50 }: StrategyOptions, rotates: boolean): RangeTables {
  const name = (relation: string): string => qualify(schema, relation);
  const jobs = name('jobs');
  const base = createHash('sha256').update(schema).digest().readUInt32BE(0) & 0x3fff_fff8;
  return {
    schema,
    jobs,
    slots: rotates ? [0, 1, 2].map((slot) => name(`jobs_${slot}`)) : [jobs],
    rotates,
    turns: name('turns'),
    lanes: name('lanes'),
    spans: name('spans'),
    gaps: name('gaps'),
    inbox: name('inbox'),
    delayed: name('delayed'),
    dead: name('dead'),
    ids: name('ids'),
    leases: name('leases'),
    tended: name('tended'),
    fillfactor,
    locks: {
      latch: base,
      moving: base + 1,
      opening: base + 2,
      tending: base + 3,
      removing: base + 4,
    },
  };
}

/** Unqualified names of what `createRelations` makes, version 1 of the layout. The sequences of a lane come with its first job. */
export function rangeRelations({ rotates }: RangeTables): readonly string[] {
  const shared = [
    'jobs',
    'jobs_place',
    'jobs_origin',
    'lanes',
    'lanes_id_seq',
    'lanes_pkey',
    'lanes_queue_priority_key',
    'spans',
    'spans_pkey',
    'spans_lease',
    'gaps',
    'gaps_pkey',
    'inbox',
    'inbox_pkey',
    'delayed',
    'delayed_pkey',
    'delayed_due',
    'dead',
    'dead_pkey',
    'ids',
    'leases',
    'tended',
  ];
  if (!rotates) return shared;
  const slots = [0, 1, 2].flatMap((slot) => [`jobs_${slot}`, `jobs_${slot}_place`, `jobs_${slot}_origin`]);
  return [...shared, 'turns', ...slots];
}

/**
 * A job: fixed widths first. Nothing of it is ever updated. `since` is when it could first run: its enqueue, or what it
 * waited for. `origin` is the id of a job that was appended anew; for all others the id follows from lane and number.
 * `json`, not `jsonb`: nobody looks inside, so nobody has to take it apart.
 */
function jobColumns({ rotates }: RangeTables): string {
  return `
  lane         integer     NOT NULL,
  attempt      smallint    NOT NULL DEFAULT 0,
  max_attempts smallint    NOT NULL,
  seq          bigint      NOT NULL,
  since   timestamptz NOT NULL DEFAULT now(),
  origin       bigint,${rotates ? '\n  slot         smallint    NOT NULL,' : ''}
  last_error   text,
  payload      json        NOT NULL`;
}

function createJobs(tables: RangeTables): readonly string[] {
  const { jobs, slots, rotates } = tables;
  if (!rotates) {
    return [
      `CREATE TABLE IF NOT EXISTS ${jobs} (${jobColumns(tables)}) WITH (${vacuumedAfter(5000)})`,
      `CREATE UNIQUE INDEX IF NOT EXISTS jobs_place ON ${jobs} (lane, seq)`,
      `CREATE INDEX IF NOT EXISTS jobs_origin ON ${jobs} (origin) WHERE origin IS NOT NULL`,
    ];
  }
  return [
    `CREATE TABLE IF NOT EXISTS ${jobs} (${jobColumns(tables)}) PARTITION BY LIST (slot)`,
    `CREATE INDEX IF NOT EXISTS jobs_place ON ${jobs} (lane, seq)`,
    `CREATE INDEX IF NOT EXISTS jobs_origin ON ${jobs} (origin) WHERE origin IS NOT NULL`,
    ...slots.flatMap((slot, index) => [
      `CREATE TABLE IF NOT EXISTS ${slot} PARTITION OF ${jobs} FOR VALUES IN (${index}) WITH (${vacuumedAfter(50000)})`,
      // Made with the partition under names of the server's choosing, which are renamed to ours.
      renameIndex(tables, index, 'lane_seq', 'place'),
      renameIndex(tables, index, 'origin', 'origin'),
    ]),
    `CREATE SEQUENCE IF NOT EXISTS ${tables.turns} MINVALUE 0`,
  ];
}

function renameIndex({ schema }: RangeTables, slot: number, columns: string, name: string): string {
  const made = qualify(schema, `jobs_${slot}_${columns}_idx`);
  return `ALTER INDEX IF EXISTS ${made} RENAME TO jobs_${slot}_${name}`;
}

/** Columns of a job outside its lane. */
const WAITING = `
  id           bigint      NOT NULL,
  since   timestamptz NOT NULL,
  attempt      smallint    NOT NULL,
  max_attempts smallint    NOT NULL,
  priority     smallint    NOT NULL,
  queue        text        NOT NULL COLLATE "C",
  last_error   text,
  payload      json        NOT NULL`;

/** Makes every relation; each statement does nothing where its object exists. */
export function createRelations(tables: RangeTables): readonly string[] {
  const { lanes, spans, gaps, inbox, delayed, dead, ids, leases, tended, fillfactor } = tables;
  return [
    ...createJobs(tables),
    `CREATE TABLE IF NOT EXISTS ${lanes} (
  id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  priority smallint NOT NULL,
  queue    text     NOT NULL COLLATE "C",
  numbers  regclass NOT NULL,
  cursor   regclass NOT NULL,
  floor    regclass NOT NULL,
  swept    regclass NOT NULL,
  UNIQUE (queue, priority)
)`,
    // `expires_at` lies in no index, so that a settle and a heartbeat are HOT updates; NULL says settled. `alone`
    // counts the outcomes that named one job each, whoever sent them.
    `CREATE TABLE IF NOT EXISTS ${spans} (
  lane       integer  NOT NULL,
  crashes    smallint NOT NULL,
  alone      smallint NOT NULL DEFAULT 0,
  lo         bigint   NOT NULL,
  hi         bigint   NOT NULL,
  base       bigint   NOT NULL,
  lease      bigint   NOT NULL,
  expires_at timestamptz,
  worker     text,
  PRIMARY KEY (lane, lo)
) WITH (fillfactor = ${fillfactor}, ${vacuumedAfter(1000)})`,
    `CREATE INDEX IF NOT EXISTS spans_lease ON ${spans} (lease)`,
    `CREATE TABLE IF NOT EXISTS ${gaps} (
  lane    integer  NOT NULL,
  crashes smallint NOT NULL,
  lo      bigint   NOT NULL,
  hi      bigint   NOT NULL,
  horizon xid8,
  PRIMARY KEY (lane, lo)
) WITH (${vacuumedAfter(200)})`,
    `CREATE TABLE IF NOT EXISTS ${inbox} (${WAITING}, PRIMARY KEY (queue, id)) WITH (${vacuumedAfter(200)})`,
    `CREATE TABLE IF NOT EXISTS ${delayed} (run_at timestamptz NOT NULL, ${WAITING}, PRIMARY KEY (id)) WITH (${vacuumedAfter(5000)})`,
    `CREATE INDEX IF NOT EXISTS delayed_due ON ${delayed} (run_at)`,
    `CREATE TABLE IF NOT EXISTS ${dead} (died_at timestamptz NOT NULL DEFAULT now(), ${WAITING}, PRIMARY KEY (id))`,
    `CREATE SEQUENCE IF NOT EXISTS ${ids}`,
    `CREATE SEQUENCE IF NOT EXISTS ${leases}`,
    `CREATE SEQUENCE IF NOT EXISTS ${tended}`,
  ];
}

/** Unqualified names of what `rangeChanges` makes. */
export const CHANGED_RELATIONS: readonly string[] = ['dead_queue', 'inbox_id'];

/** The versions of the layout from 2 on. */
export function rangeChanges({ inbox, dead }: RangeTables): readonly Migration[] {
  return [
    {
      version: 2,
      name: 'dead letters by queue, the inbox by id',
      statements: [
        `CREATE INDEX IF NOT EXISTS dead_queue ON ${dead} (queue, id)`,
        `CREATE INDEX IF NOT EXISTS inbox_id ON ${inbox} (id)`,
      ],
    },
  ];
}

/** Bits of an id that hold the number within its lane; ids below 2^40 are those of `ids`. */
export const SEQ_BITS = 40;

/** The id of a job in a lane, as SQL over its columns. */
export function idSql(row: string): string {
  return `coalesce(${row}.origin, (${row}.lane::bigint << ${SEQ_BITS}) | ${row}.seq)`;
}

/** The same id from a number: lanes below 8,192 stay within what a JavaScript number says exactly. */
export function idOf(lane: number, seq: number): string {
  const id = lane * 2 ** SEQ_BITS + seq;
  return Number.isSafeInteger(id) ? String(id) : String((BigInt(lane) << BigInt(SEQ_BITS)) | BigInt(seq));
}

/** The position of a lane's sequence; 0 before its first move. */
export function positionSql(sequence: string): string {
  return `coalesce(pg_sequence_last_value(${sequence}), 0)`;
}

/** Joins the floor of a lane as `floor.position`: read once for each lane, so that it can bound an index. */
export function floorOf(lane: string): string {
  return `CROSS JOIN LATERAL (SELECT ${positionSql(`${lane}.floor`)} AS position OFFSET 0) AS floor`;
}

/** The slot of new jobs, as an expression; `undefined` where there is but one table. */
export function slotSql({ rotates, turns }: RangeTables): string | undefined {
  return rotates ? `((SELECT last_value FROM ${turns}) % 3)::smallint` : undefined;
}
