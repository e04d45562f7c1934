// What must a server allow for the scenarios of a run, and does it?

import { SERVER_NEEDS } from '../../scenarios/parts.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { UsageError } from '../errors.ts';
import { withConnection } from '../server/connect.ts';
import type { PostgresServer } from '../server/server.ts';
import { benchmarkSettings } from '../server/server-settings.ts';

/** The most that any scenario needs of one setting, and whose need that is. */
export interface ServerNeed {
  readonly setting: (typeof SERVER_NEEDS)[number];
  readonly atLeast: number;
  readonly scenario: string;
}

type Needy = Pick<Scenario, 'name' | 'serverNeeds'>;

/** The largest need of each setting; none for settings that no scenario names. */
export function serverNeedsOf(scenarios: readonly Needy[]): ServerNeed[] {
  return SERVER_NEEDS.flatMap((setting) => {
    const needs = scenarios.flatMap(({ name, serverNeeds }) => {
      const atLeast = serverNeeds[setting];
      return atLeast === undefined ? [] : [{ setting, atLeast, scenario: name }];
    });
    const [largest] = needs.toSorted((x, y) => y.atLeast - x.atLeast);
    return largest === undefined ? [] : [largest];
  });
}

/**
 * The settings of a server that is started for the scenarios: the user's, and each need that they leave open.
 * @throws UsageError when the user gave one that is too low.
 */
export function settingsWithNeeds(
  given: Readonly<Record<string, string>> | undefined,
  needs: readonly ServerNeed[],
): Readonly<Record<string, string>> | undefined {
  if (needs.length === 0) return given;
  const settings = { ...given };
  const ours = benchmarkSettings({});
  for (const { setting, atLeast, scenario } of needs) {
    const value = settings[setting];
    // One that is no plain number is the server's to read, and asked for before the first cell.
    if (value !== undefined && Number(value) < atLeast)
      throw new UsageError(
        `--setting ${setting}=${value}: scenario ${scenario} needs ${atLeast} at least; give as much, or leave the setting or the scenario out`,
      );
    settings[setting] ??= String(Math.max(atLeast, Number(ours[setting] ?? DEFAULTS[setting])));
  }
  return settings;
}

/** What PostgreSQL has where nothing is said: a need is not to lower it. */
const DEFAULTS: Readonly<Record<ServerNeed['setting'], number>> = {
  max_connections: 100,
  max_prepared_transactions: 0,
  max_replication_slots: 10,
};

/**
 * Asks a server, to be done before anything is measured.
 * @throws UsageError that names setting, value and mend, for one that allows less.
 */
export async function requireServerNeeds(scenarios: readonly Needy[], server: PostgresServer): Promise<void> {
  const needs = serverNeedsOf(scenarios);
  if (needs.length === 0) return;
  await using database = await server.openDatabase('needs');
  const values = await withConnection(
    database.connection,
    { applicationName: 'claimbench admin' },
    async (client) => {
      const { rows } = await client.query<{ name: string; value: number }>(
        'SELECT name, setting::int AS value FROM pg_settings WHERE name = ANY ($1::text[])',
        [needs.map(({ setting }) => setting)],
      );
      return new Map(rows.map(({ name, value }) => [name, value]));
    },
  );
  for (const { setting, atLeast, scenario } of needs) {
    const value = values.get(setting) ?? 0;
    if (value < atLeast)
      throw new UsageError(
        `scenario ${scenario} needs ${setting} of ${atLeast} at least, and the server (${server.description}) has ${value}: set ${setting} = ${atLeast} there and restart it, take --server embedded, or leave the scenario out`,
      );
  }
}
