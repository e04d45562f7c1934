// With which settings does a server of the harness's own run, and why does each differ from PostgreSQL's default?

import { UsageError } from '../errors.ts';

/** Only this machine, by TCP: see embedded.ts. */
const LOOPBACK_ONLY = { listen_addresses: '127.0.0.1', unix_socket_directories: '' };

/**
 * What every server of the harness starts with. All else is PostgreSQL's default, since that is what most installations run
 * with; autovacuum and checkpoint_timeout in particular are left alone, as they decide how a queue behaves.
 */
const BENCHMARK_SETTINGS: Readonly<Record<string, string>> = {
  // Durability is the default; written out so that the reader of the file sees it, and a run may say otherwise.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // The default 128 MB is below any production server; a quarter of a small laptop would be too much. A queue's
  // working set fits.
  shared_buffers: '256MB',
  // The default 1 GB is written within seconds here, so that checkpoints by volume would be all that is measured.
  max_wal_size: '4GB',
  // So much is kept for a load to write into: see harness/telemetry/wal-ahead.ts.
  min_wal_size: '1GB',
  // Dozens of workers and producers, plus the harness.
  max_connections: '200',
  // Buffers touched per job come from it; it also turns compute_query_id on (`auto`).
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'top',
  // Nothing is written at shutdown that is deleted a moment later.
  'pg_stat_statements.save': 'off',
  // Two clock readings per block read, for a figure that no report shows.
  track_io_timing: 'off',
  // Short statements: compiling one costs more than it saves, and estimates for queue tables are often far too high.
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // A server log is read after a failure; nobody needs the text of a failed statement there, which may hold data.
  log_min_error_statement: 'panic',
};

/** The lines to append to postgresql.conf. @throws UsageError on a setting that the harness itself must decide. */
export function settingsFile(overrides: Readonly<Record<string, string>>): string {
  const settings = { ...LOOPBACK_ONLY, ...benchmarkSettings(overrides) };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  return `\n# claimbench\n${lines.join('\n')}\n`;
}

/** The settings of a server that the harness starts, network aside. @throws UsageError as above. */
export function benchmarkSettings(
  overrides: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(overrides)) {
    if (!/^[a-z_][a-z0-9_.]*$/i.test(name) || /[\n\r\0]/.test(value)) {
      throw new UsageError(`"${name}" is not the name and value of a PostgreSQL setting: write name=value`);
    }
    if (RESERVED.has(name.toLowerCase())) {
      throw new UsageError(`the setting ${name} is claimbench's own: leave it out`);
    }
  }
  return { ...BENCHMARK_SETTINGS, ...overrides };
}

const RESERVED = new Set([
  'listen_addresses',
  'unix_socket_directories',
  'port',
  'data_directory',
  'hba_file',
  'logging_collector',
]);
