// Does the stand-in of postgres do what is documented of the official image's entrypoint?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { dockerMissing, testImage } from '../../testing/docker.ts';
import { docker } from './engine.ts';

const image = testImage();
const skip = dockerMissing(image) ?? false;
const READY_WITHIN_MS = 60_000;

const INIT = `
echo "CREATE TABLE seen AS SELECT 7 AS number;" > /docker-entrypoint-initdb.d/1.sql
echo 'psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -c "INSERT INTO seen VALUES (8)"' > /docker-entrypoint-initdb.d/2.sh
exec docker-entrypoint.sh "$@"`;

test('the first start makes user, database and data; a stop is clean, and the next start keeps them', {
  skip,
}, async () => {
  const settings = [
    'USER=maya',
    'PASSWORD=a "b" $c',
    'DB=orders',
    'INITDB_ARGS=--wal-segsize=32 --data-checksums',
  ];
  const id = docker([
    ...['run', '--detach', '--network', 'none', ...settings.flatMap((word) => ['--env', `POSTGRES_${word}`])],
    ...['--entrypoint', 'bash', image, '-ec', INIT, 'init', 'postgres', '-c', 'work_mem=7MB'],
  ]);
  const ask = (sql: string) => docker(['exec', id, 'psql', '-U', 'maya', '-d', 'orders', '-Atc', sql]);
  try {
    await accepts(id);
    assert.equal(ask("SELECT string_agg(number::text, ',' ORDER BY number) FROM seen"), '7,8');
    const shown = ['work_mem', 'wal_segment_size', 'data_checksums', 'listen_addresses'];
    assert.equal(ask(shown.map((name) => `SHOW ${name};`).join(' ')), '7MB\n32MB\non\n*');
    assert.equal(
      ask(`SELECT count(*) FROM pg_hba_file_rules WHERE address = 'all' AND auth_method = 'scram-sha-256'`),
      '1',
    );
    // Who owns the first process, and what it is: signals reach PostgreSQL itself.
    assert.equal(docker(['exec', id, 'cat', '/proc/1/comm']), 'postgres');
    assert.match(docker(['exec', id, 'cat', '/proc/1/status']), /^Uid:\t999\t/m);

    ask('INSERT INTO seen VALUES (9)');
    docker(['stop', '--time', '30', id]);
    assert.equal(docker(['inspect', '--format', '{{.State.ExitCode}}', id]), '0');
    docker(['start', id]);
    await accepts(id);
    assert.equal(ask('SELECT count(*) FROM seen'), '3');
    const log = logs(id);
    assert.equal(
      log.split('PostgreSQL init process complete').length + log.split('the cluster is ready').length,
      3,
    );
    assert.doesNotMatch(log, /not properly shut down/);
  } finally {
    docker(['rm', '--force', '--volumes', id]);
  }
});

test('without a password it does not start, and names the variable', { skip }, () => {
  const { status, stderr } = spawnSync('docker', ['run', '--rm', '--network', 'none', image], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 1);
  assert.match(stderr, /POSTGRES_PASSWORD/);
});

function logs(id: string): string {
  const { stdout, stderr } = spawnSync('docker', ['logs', id], { encoding: 'utf8', timeout: 20_000 });
  return stdout + stderr;
}

/** By TCP, which the temporary server of the first start does not have. */
async function accepts(id: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  const words = ['exec', id, 'pg_isready', '--quiet', '--host', '127.0.0.1'];
  while (spawnSync('docker', words, { timeout: 20_000 }).status !== 0) {
    assert.ok(Date.now() < deadline, logs(id).slice(-1_000));
    await sleep(250);
  }
}
