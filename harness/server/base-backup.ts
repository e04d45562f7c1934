// How is the data folder of a running cluster copied, where there is no pg_basebackup?
//
// The binaries of embedded servers hold no client programs. So the copy is made by the low-level interface of base backups:
// between its start and its end the files may be copied as they are, torn or not; what WAL was written meanwhile mends them.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import { oneLine, RuntimeFailure } from '../errors.ts';
import { type ClusterPlace, dataFolder, NEW_FILE, serverEnv, writeOwned } from './cluster.ts';
import { runToEnd } from './processes.ts';

const COPY_TIMEOUT_MS = 120_000;

/** Folders of which a copy starts with an empty one, see pg_basebackup; WAL comes by streaming. */
const EMPTY = [
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
];
const LEFT_OUT = new Set([...EMPTY, 'postmaster.pid', 'postmaster.opts', 'backup_label', 'tablespace_map']);

/**
 * Copies the cluster that `client` is connected to, and whose data lies in `from`, into `place`. The primary must keep its WAL
 * from before this call on, as a slot makes it do. The session is a superuser's.
 * @throws RuntimeFailure when the files cannot be copied.
 */
export async function baseBackup(client: pg.Client, from: string, place: ClusterPlace): Promise<void> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  const [start, stop] =
    (rows[0]?.version ?? 0) >= 150_000
      ? ['pg_backup_start($1, true)', 'pg_backup_stop(false)']
      : ['pg_start_backup($1, true, false)', 'pg_stop_backup(false, false)'];
  await client.query(`SELECT ${start}`, ['claimbench standby']);
  // A session that ends before its backup does, ends that, too.
  await copyFiles(from, place);
  const ended = await client.query<{ labelfile: string; spcmapfile: string }>(
    `SELECT labelfile, spcmapfile FROM ${stop}`,
  );
  const [files] = ended.rows;
  if (files === undefined) throw new RuntimeFailure('the server gave no backup_label for its standby');
  if (files.spcmapfile.trim() !== '')
    throw new RuntimeFailure('a standby of a server with tablespaces is not offered: drop them');
  const label = path.join(dataFolder(place.folder), 'backup_label');
  await writeOwned(label, NEW_FILE, files.labelfile, place.account);
}

/** Under the server's account, to which both folders belong: root would follow what links it had put there. */
async function copyFiles(from: string, place: ClusterPlace): Promise<void> {
  const names = (await readdir(from)).filter((name) => !LEFT_OUT.has(name));
  const script = [
    'umask 077; from=$1; to=$2; shift 2',
    `mkdir "$to" && for name in ${EMPTY.join(' ')}; do mkdir "$to/$name" || exit 2; done`,
    'cd "$from" && exec cp -RP -- "$@" "$to/"',
  ].join('\n');
  const words = ['-c', script, 'claimbench-backup', from, dataFolder(place.folder), ...names];
  const { code, timedOut, stderr } = await runToEnd('/bin/sh', words, {
    cwd: place.folder,
    env: serverEnv(),
    account: place.account,
    timeoutMs: COPY_TIMEOUT_MS,
    signal: place.signal,
    onSpawn: place.onProcess,
  });
  place.onProcess(undefined);
  if (timedOut)
    throw new RuntimeFailure(`the data of the standby was not copied within ${COPY_TIMEOUT_MS / 1000} s`);
  // A running server removes files; what is gone is mended from the WAL, as any other change.
  const told = stderr
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith('No such file or directory'));
  if (code !== 0 && (code !== 1 || told.length > 0 || stderr === ''))
    throw new RuntimeFailure(
      `the data of the standby could not be copied: ${oneLine(told.join(' | ') || stderr)}`,
    );
}
