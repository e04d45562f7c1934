// What must every database of a server hold before the first cell?

import pg from 'pg';

import { oneLine, RuntimeFailure, UsageError } from '../errors.ts';
import { installStatementStatistics } from './cell-database.ts';
import { withConnection } from './connect.ts';
import type { ConnectionSettings } from './server.ts';

/** What was found when the template was prepared. */
export interface TemplateFacts {
  /** Of the server, such as `18.4`. */
  readonly version: string;
  /** Versions of the extensions that were asked for, by name. */
  readonly extensions: Readonly<Record<string, string>>;
}

/**
 * Puts pg_stat_statements and the extensions into template1, so that each cell's database has them without a connection of its own.
 * @throws UsageError for an extension that the server does not have, RuntimeFailure without pg_stat_statements.
 */
export async function prepareTemplate(
  admin: ConnectionSettings,
  extensions: readonly string[] = [],
): Promise<TemplateFacts> {
  const template = { ...admin, database: 'template1' };
  if (!(await installStatementStatistics(template))) {
    throw new RuntimeFailure(
      'the server has no pg_stat_statements: keep it in shared_preload_libraries, and take an image that has it',
    );
  }
  return withConnection(template, { applicationName: 'claimbench admin' }, async (client) => {
    for (const name of extensions) await createExtension(client, name);
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    const installed = await client.query<{ extname: string; extversion: string }>(
      'SELECT extname, extversion FROM pg_extension WHERE extname = ANY ($1::name[]) ORDER BY extname',
      [extensions],
    );
    return {
      version: rows[0]?.server_version.split(' ')[0] ?? 'unknown',
      extensions: Object.fromEntries(installed.rows.map((row) => [row.extname, row.extversion])),
    };
  });
}

async function createExtension(client: pg.Client, name: string): Promise<void> {
  try {
    await client.query(`CREATE EXTENSION IF NOT EXISTS ${pg.escapeIdentifier(name)} CASCADE`);
  } catch (error) {
    throw new UsageError(
      `--extension ${name}: ${oneLine(error)}; leave it out, or take --server docker with an --image that has it, and preload it with --setting shared_preload_libraries=… where it asks for that`,
    );
  }
}
