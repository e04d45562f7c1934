// Which relations does the event log stand on?

import type { Installation } from '../../schema/layout.ts';
import { digest, qualify, quoteLiteral } from '../../sql.ts';
import { vacuumedAfter } from '../shared/storage.ts';

/** Tables that the events go round in: one is written, one is read, one is being emptied. */
const SLOTS = [0, 1, 2] as const;

/** The qualified, quoted names of one schema's relations and routines. */
export interface LogTables {
  readonly schema: string;
  /** All events; partitioned into `slots`. */
  readonly event: string;
  readonly slots: readonly string[];
  readonly eventId: string;
  readonly chunkId: string;
  readonly slotNumber: string;
  readonly tick: string;
  readonly position: string;
  readonly chunk: string;
  readonly delayed: string;
  readonly dead: string;
  readonly claim: string;
  readonly settle: string;
  readonly giveBack: string;
  readonly reap: string;
  readonly rotate: string;
  /** Seeds of advisory lock keys, as SQL literals: one for the claims of each queue, one for the whole log. */
  readonly claimSeed: string;
  readonly rotationKey: string;
}

/** The names for `schema`. Throws InvalidArgumentError when it is no valid identifier. */
export function logTables(schema: string): LogTables {
  const name = (relation: string): string => qualify(schema, relation);
  return {
    schema,
    event: name('event'),
    slots: SLOTS.map((slot) => name(`event_${slot}`)),
    eventId: name('event_id'),
    chunkId: name('chunk_id'),
    slotNumber: name('slot_number'),
    tick: name('tick'),
    position: name('position'),
    chunk: name('chunk'),
    delayed: name('delayed'),
    dead: name('dead'),
    claim: name('claim_chunk'),
    settle: name('settle_chunks'),
    giveBack: name('give_back'),
    reap: name('reap_chunks'),
    rotate: name('rotate_log'),
    claimSeed: lockNumber(`tick-log claim ${schema}`),
    rotationKey: lockNumber(`tick-log rotation ${schema}`),
  };
}

/** 64 bits that are the same for everybody who names the same thing. */
function lockNumber(what: string): string {
  return `(${BigInt.asIntN(64, BigInt(`0x${digest(what)}`))})::bigint`;
}

/** Unqualified names of what is created, indexes included. */
export const LOG_RELATIONS: readonly string[] = [
  'event',
  'event_order',
  ...SLOTS.flatMap((slot) => [`event_${slot}`, `event_${slot}_order`]),
  'event_id',
  'chunk_id',
  'slot_number',
  'tick',
  'tick_pkey',
  'position',
  'position_pkey',
  'chunk',
  'chunk_pkey',
  'delayed',
  'delayed_pkey',
  'delayed_due',
  'dead',
  'dead_pkey',
];

/**
 * One row is one event; none is ever updated or deleted, a table that is done with is truncated.
 *
 * - `txid` is the transaction that wrote it: which batch it belongs to is a question of snapshots alone. It is set before
 *   `id` is drawn, as columns are filled in their order.
 * - `slot` names the table. The server chooses it, not the client: a client that kept to an old one would keep that
 *   table from ever being emptied.
 * - `attempt` counts the attempts used up, NULL for none; `max_attempts` is NULL for the default: what is NULL is free.
 * - `payload` is text, the JSON as it came: it is never looked into here, and goes out in one piece with its neighbours'.
 */
function createEvents(tables: LogTables): string[] {
  return [
    `
CREATE TABLE IF NOT EXISTS ${tables.event} (
  txid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
  id           bigint      NOT NULL DEFAULT nextval(${quoteLiteral(tables.eventId)}),
  created_at   timestamptz NOT NULL DEFAULT now(),
  slot         smallint    NOT NULL,
  attempt      smallint,
  max_attempts smallint,
  queue        text        NOT NULL,
  payload      text        NOT NULL
) PARTITION BY LIST (slot)`,
    ...SLOTS.flatMap((slot) => {
      const table = qualify(tables.schema, `event_${slot}`);
      return [
        // Nothing dies here but what a rolled-back transaction leaves, and the truncation takes that along.
        `CREATE TABLE IF NOT EXISTS ${table} PARTITION OF ${tables.event} FOR VALUES IN (${slot})
  WITH (autovacuum_enabled = off)`,
        `CREATE INDEX IF NOT EXISTS event_${slot}_order ON ${table} (queue, txid, id)`,
      ];
    }),
    // Attaches the three: the order of a queue, over all tables.
    `CREATE INDEX IF NOT EXISTS event_order ON ${tables.event} (queue, txid, id)`,
  ];
}

/** Of tables of a few living rows whose content turns over. */
const STORAGE = vacuumedAfter(2000);

/**
 * - `tick`: one living row, the newest snapshot. What came before is not needed: a batch is what this snapshot sees and
 *   the one where a queue stands does not, however many ticks lie between them.
 * - `position`: where a queue stands, one living row per queue. Each claim writes a new one and deletes the old one, and
 *   the newest is found from the end of the index: versions that VACUUM may not take yet lie behind it, out of the way.
 * - `chunk`: one row per claim that is not settled: the lease. Its events are those of its queue that lie after `start`
 *   and not after `stop` in the order of (txid, id), that `hi` sees, and that are of `floor` or later, or of one of
 *   the transactions in `late`. `done` has a bit for each, NULL until some are settled and others are not.
 */
function createState(tables: LogTables): string[] {
  return [
    `
CREATE TABLE IF NOT EXISTS ${tables.tick} (
  number   bigint      PRIMARY KEY,
  snapshot pg_snapshot NOT NULL
) WITH (${STORAGE})`,
    `INSERT INTO ${tables.tick} (number, snapshot) SELECT 0, '1:1:' WHERE NOT EXISTS (SELECT FROM ${tables.tick})`,
    `
CREATE TABLE IF NOT EXISTS ${tables.position} (
  number  bigint      NOT NULL,
  tick    bigint      NOT NULL,
  floor   xid8        NOT NULL,
  at_txid xid8        NOT NULL,
  at_id   bigint      NOT NULL,
  hi      pg_snapshot NOT NULL,
  late    xid8[],
  queue   text        NOT NULL,
  PRIMARY KEY (queue, number)
) WITH (${STORAGE})`,
    `
CREATE TABLE IF NOT EXISTS ${tables.chunk} (
  chunk_id   bigint      PRIMARY KEY,
  expires_at timestamptz NOT NULL,
  floor      xid8        NOT NULL,
  start_txid xid8        NOT NULL,
  start_id   bigint      NOT NULL,
  stop_txid  xid8        NOT NULL,
  stop_id    bigint      NOT NULL,
  size       integer     NOT NULL,
  hi         pg_snapshot NOT NULL,
  late       xid8[],
  done       varbit,
  queue      text        NOT NULL,
  worker     text        NOT NULL
) WITH (${STORAGE})`,
  ];
}

function createAside(tables: LogTables): string[] {
  return [
    `
CREATE TABLE IF NOT EXISTS ${tables.delayed} (
  id           bigint      PRIMARY KEY,
  created_at   timestamptz NOT NULL,
  run_at       timestamptz NOT NULL,
  attempt      smallint,
  max_attempts smallint,
  queue        text        NOT NULL,
  last_error   text,
  payload      text        NOT NULL
) WITH (${STORAGE})`,
    `CREATE INDEX IF NOT EXISTS delayed_due ON ${tables.delayed} (run_at)`,
    `
CREATE TABLE IF NOT EXISTS ${tables.dead} (
  id           bigint      PRIMARY KEY,
  created_at   timestamptz NOT NULL,
  died_at      timestamptz NOT NULL DEFAULT now(),
  attempt      smallint    NOT NULL,
  max_attempts smallint    NOT NULL,
  queue        text        NOT NULL,
  error        text,
  payload      text        NOT NULL
)`,
  ];
}

/** All tables; `routines` come last, and `last` is the signature of the last of them. */
export function logInstallation(tables: LogTables, routines: readonly string[], last: string): Installation {
  return {
    schema: tables.schema,
    layout: { name: 'tick-log', relations: LOG_RELATIONS },
    relations: LOG_RELATIONS,
    routines: [{ signature: last, create: routines.join(';\n') }],
    statements: [
      ...[tables.eventId, tables.chunkId].map((sequence) => `CREATE SEQUENCE IF NOT EXISTS ${sequence}`),
      `CREATE SEQUENCE IF NOT EXISTS ${tables.slotNumber} MINVALUE 0 MAXVALUE ${SLOTS.length - 1} START 0`,
      ...createEvents(tables),
      ...createState(tables),
      ...createAside(tables),
    ],
  };
}
