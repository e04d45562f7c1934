// What does an application write beside its jobs? Orders, in a table of the harness's own.

import pg from 'pg';
import { withConnection } from './server/connect.ts';
import type { CellDatabase } from './server/server.ts';
import { COSTS_NAME } from './telemetry/server-costs.ts';

/** As the harness's other readings, so that it is taken for no stranger. */
const SESSION = { applicationName: COSTS_NAME } as const;
const SCHEMA = 'claimbench_application';
const TABLE = 'claimbench_orders';

/**
 * Its quoted name. In a schema beside the contender's; where the cell has a schema only, in that one, with which it is removed.
 */
export function ordersTable({ exclusive, schema }: Pick<CellDatabase, 'exclusive' | 'schema'>): string {
  return `${pg.escapeIdentifier(exclusive ? SCHEMA : schema)}.${pg.escapeIdentifier(TABLE)}`;
}

/** Rejects with the server's error. */
export async function createOrders(database: CellDatabase): Promise<void> {
  await withConnection(database.connection, SESSION, async (client) => {
    if (database.exclusive) await client.query(`CREATE SCHEMA ${pg.escapeIdentifier(SCHEMA)}`);
    await client.query(
      `CREATE TABLE ${ordersTable(database)} (first_job bigint PRIMARY KEY, customer text NOT NULL, placed_at timestamptz NOT NULL DEFAULT now())`,
    );
  });
}

/** The first jobs of all orders that are there. */
export async function committedOrders(database: CellDatabase): Promise<ReadonlySet<number>> {
  return await withConnection(database.connection, SESSION, async (client) => {
    const { rows } = await client.query<{ first: number }>(
      `SELECT first_job::float8 AS first FROM ${ordersTable(database)}`,
    );
    return new Set(rows.map(({ first }) => first));
  });
}
