// How does a schema get all that a queue of this version needs, and how does somebody read what that is?

import type { QueueContext } from '../context.ts';
import type { Database } from '../drivers/driver.ts';
import { InvalidArgumentError, UnsupportedError } from '../errors.ts';
import { requireKnownKeys, requireObject, said } from '../keys.ts';
import { besideLayout, layoutSteps, type VersionlessRoutine } from './layout.ts';
import { applySteps, pendingSteps, printSteps, type Step, stepsOf } from './migrations.ts';
import { queueComponent, queueRoutines } from './queue-tables.ts';

/** Options of the SQL that installs. */
export interface InstallSqlOptions {
  /**
   * Whether it is a transaction of its own, from BEGIN to COMMIT; default true. False is for a tool that makes one around what it
   * runs: it has to be one transaction, at READ COMMITTED where others may install at the same time.
   */
  readonly transaction?: boolean;
}

const INSTALL_SQL_KEYS: readonly (keyof InstallSqlOptions)[] = ['transaction'];

function queueSteps({ tables }: QueueContext): readonly Step[] {
  return stepsOf([queueComponent(tables)]);
}

/** Applies what the schema has not seen: of the strategy's layout first, then of the tables that every queue has. */
export async function installQueue(context: QueueContext): Promise<void> {
  const { driver, schema, strategy, tables } = context;
  await strategy.install(driver);
  const pending = await pendingSteps(driver, schema, queueSteps(context));
  const missing = await missingRoutines(driver, queueRoutines(tables));
  if (pending.length + missing.length === 0) return;
  await applySteps(driver, schema, pending, { before: [], after: missing.map(({ create }) => create) });
}

/** Those that the server does not have: they have no version, as the name of each carries a digest of it. */
async function missingRoutines(
  db: Database,
  routines: readonly VersionlessRoutine[],
): Promise<readonly VersionlessRoutine[]> {
  const { rows } = await db.query<{ readonly signature: string }>({
    text: 'SELECT signature FROM unnest($1::text[]) AS routine (signature) WHERE to_regprocedure(signature) IS NULL',
    values: [routines.map(({ signature }) => signature)],
  });
  const missing = new Set(rows.map(({ signature }) => signature));
  return routines.filter(({ signature }) => missing.has(signature));
}

/**
 * All of it as SQL that changes nothing where it is installed, and fails over the tables of another layout. Throws
 * UnsupportedError for a strategy that does not say what it installs, InvalidArgumentError for other options.
 */
export function printInstallation(context: QueueContext, options: InstallSqlOptions): string {
  requireObject('the options of installSql', options);
  requireKnownKeys('installSql', options, INSTALL_SQL_KEYS);
  const { transaction = true } = options;
  if (typeof transaction !== 'boolean')
    throw new InvalidArgumentError(`transaction is ${said(transaction)}: give true or false`);
  const { schema, strategy, tables } = context;
  const { installation } = strategy;
  if (installation === undefined)
    throw new UnsupportedError(strategy.name, 'printable installation', 'call install()');
  const steps = [...layoutSteps(installation), ...queueSteps(context)];
  const { before, after } = besideLayout(installation);
  const routines = queueRoutines(tables).map(({ create }) => create);
  return printSteps(schema, steps, { before, after: [...after, ...routines] }, transaction);
}
