// How is the server set: which settings does a bundle record of it, so that servers set apart are not taken for alike?

import { withConnection } from '../server/connect.ts';
import type { ConnectionSettings } from '../server/server.ts';

/** Settings that decide figures: told of every server, set or not. Those that a version does not know are left out. */
const ALWAYS = [
  ...['fsync', 'synchronous_commit', 'full_page_writes', 'synchronous_standby_names', 'wal_sync_method'],
  ...['wal_level', 'wal_compression', 'wal_buffers', 'wal_log_hints', 'commit_delay', 'commit_siblings'],
  ...['max_wal_size', 'min_wal_size', 'checkpoint_timeout', 'checkpoint_completion_target', 'data_checksums'],
  ...[
    'shared_buffers',
    'work_mem',
    'maintenance_work_mem',
    'effective_cache_size',
    'huge_pages',
    'block_size',
  ],
  ...[
    'max_connections',
    'autovacuum',
    'autovacuum_naptime',
    'autovacuum_max_workers',
    'autovacuum_vacuum_threshold',
  ],
  ...['autovacuum_vacuum_scale_factor', 'autovacuum_vacuum_cost_delay', 'autovacuum_vacuum_cost_limit'],
  ...[
    'bgwriter_delay',
    'io_method',
    'effective_io_concurrency',
    'random_page_cost',
    'jit',
    'plan_cache_mode',
  ],
  ...['default_transaction_isolation', 'track_io_timing', 'compute_query_id', 'shared_preload_libraries'],
  ...['server_encoding', 'lc_collate', 'server_version', 'ssl'],
] as const;

/** Where a value comes from that somebody gave the server, the database or the role; not this session, nor initdb. */
const GIVEN = [
  ...['configuration file', 'command line', 'global', 'database', 'user', 'database user'],
] as const;

/**
 * Names, as regular expressions, that are not recorded though given: where a server listens, where its files lie, how it
 * shows values and where it logs to. They differ from start to start, or decide no figure; what is logged does.
 */
const LEFT_OUT = [
  ...['port', 'listen_addresses', 'unix_socket_.*', 'bonjour.*', 'cluster_name', 'event_source', 'syslog_.*'],
  ...['data_directory', '.*_file', '.*_keyfile', 'stats_temp_directory', 'dynamic_library_path'],
  ...[
    'application_name',
    'client_encoding',
    'datestyle',
    'intervalstyle',
    'timezone.*',
    'lc_.*',
    'search_path',
  ],
  ...['default_text_search_config', 'pg_stat_statements.save', 'primary_slot_name', 'recovery_target.*'],
  ...['log_directory', 'log_filename', 'log_file_mode', 'log_line_prefix', 'log_rotation_.*', 'log_timezone'],
  ...['log_truncate_on_rotation', 'log_destination', 'log_min_error_statement'],
] as const;

/** Core settings whose text may hold a password. Of these, and of texts of extensions, it is only said that they are set. */
const UNSHOWN = [...['.*_conninfo', '.*_command'], '.*[.].*'] as const;

/**
 * What the server reports: the settings that decide figures, and every other that was given a value apart from its
 * default, by name and with units. What a role may not see is missing, and of `shared_preload_libraries` that is said.
 */
export async function readSettings(
  connection: ConnectionSettings,
  missing: string[],
): Promise<Record<string, string>> {
  const client = { applicationName: 'claimbench environment' };
  const rows = await withConnection(connection, client, async (client) => {
    // current_setting shows the unit (256MB), which the view's number of blocks does not.
    const result = await client.query<{ name: string; value: string }>(
      `SELECT name, CASE WHEN vartype = 'string' AND name ~* $4 AND name <> ALL ($1::text[]) THEN 'set, not shown'
                         ELSE current_setting(name) END AS value
         FROM pg_settings
        WHERE name = ANY ($1::text[])
           OR source = ANY ($2::text[]) AND context <> 'internal' AND name !~* $3 AND setting IS DISTINCT FROM boot_val
        ORDER BY name`,
      [ALWAYS, GIVEN, anyOf(LEFT_OUT), anyOf(UNSHOWN)],
    );
    return result.rows;
  });
  const settings = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  // The view hides what only superusers may see.
  if (settings['shared_preload_libraries'] === undefined) {
    missing.push('shared_preload_libraries: the role is not a member of pg_read_all_settings');
  }
  return settings;
}

function anyOf(names: readonly string[]): string {
  return `^(${names.join('|')})$`;
}
