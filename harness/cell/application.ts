// What does an application write beside its jobs? Orders, in a table of the harness's own.

import pg from 'pg';
import type { Scenario } from '../../scenarios/scenario.ts';
import { withConnection } from '../server/connect.ts';
import type { CellDatabase } from '../server/server.ts';
import { COSTS_NAME } from '../telemetry/server-costs.ts';
import { OF_THE_WHOLE_SERVER, type SharedCosts } from '../telemetry/shared-costs.ts';

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

/** For `withoutShared`: each order is a row and a transaction of the application's, those that are rolled back among them. */
export function costsOfOrders({ producers }: Pick<Scenario, 'producers'>): SharedCosts[] {
  // It updates and deletes none, so that dead tuples are the contender's own.
  const costs = OF_THE_WHOLE_SERVER.filter((cost) => cost !== 'deadTuples');
  return producers.transaction === undefined ? [] : [{ by: 'the orders', costs }];
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
