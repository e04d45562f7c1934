// Is the compose file one that Compose reads, does its stack come up, and does claimbench run in it?

import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { readBundle } from '../reports/bundle.ts';
import { composeCommand, STACK_IMAGES, stackMissing } from '../testing/stack.ts';
import { docker } from './stand-in/engine.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const FILE = path.join(import.meta.dirname, 'compose.yaml');
const SERVICES = ['pgbouncer', 'postgres', 'rabbitmq', 'redis', 'replica'];
/** Each part of the stack is given it in another way; none may take a quote or a space for an end. */
const PASSWORD = `it's "one" password`;
const READY_WITHIN_MS = 90_000;

const project = `claimbench-test-${process.pid}`;
const image = `claimbench/${project}:test`;

function compose(words: readonly string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  const [program, ...first] = composeCommand() ?? ['docker-compose'];
  return spawnSync(program, [...first, '-f', FILE, '-p', project, ...words], {
    encoding: 'utf8',
    timeout: 120_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...env },
  });
}

/** The last words of a command that should have ended with 0. */
function succeed(result: SpawnSyncReturns<string>): string {
  assert.equal(result.status, 0, (result.stderr ?? '').slice(-2_000));
  return result.stdout.trim();
}

test('Compose reads the file, with each profile', {
  skip: composeCommand() === undefined && 'there is no docker compose: apt-get install docker-compose',
}, () => {
  const all = ['--profile', 'monitoring', '--profile', 'cli'];
  assert.equal(
    succeed(compose([...all, 'config', '--services']))
      .split('\n')
      .sort()
      .join(' '),
    ['claimbench', 'grafana', ...SERVICES, 'prometheus'].sort().join(' '),
  );
  succeed(compose([...all, 'config', '--quiet']));
});

test('every image has a version, and every port is bound to this machine alone', () => {
  const text = readFileSync(FILE, 'utf8');
  const images = [...text.matchAll(/^\s+image: (.*)$/gm)].map(([, name = '']) => name);
  assert.equal(images.length, 7);
  for (const name of images) assert.match(name, /^\$\{[A-Z]+_IMAGE:-[a-z/]+:v?\d[\w.-]*\}$/);
  const ports = [...text.matchAll(/^\s+- (.*:\d+)$/gm)].map(([, port = '']) => port);
  assert.equal(ports.length, 7);
  for (const port of ports) assert.match(port, /^127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+$/);
});

test('the image of claimbench builds, and runs as a user without rights and without development dependencies', {
  skip: stackMissing() ?? false,
}, () => {
  const file = path.join(ROOT, 'docker/Dockerfile');
  const base = ['--build-arg', `NODE_IMAGE=${STACK_IMAGES.node}`];
  docker(['build', '--quiet', '--network', 'host', '-f', file, ...base, '-t', image, ROOT], {
    timeoutMs: 170_000,
  });
  const run = ['run', '--rm', '--network', 'none'];
  assert.match(docker([...run, image, '--version']), /^\d+\.\d+\.\d+$/);
  const look = 'id -u; ls /app/node_modules; test ! -w /app; test -w /work/out';
  const [user, ...packages] = docker([...run, '--entrypoint', 'sh', image, '-ec', look]).split('\n');
  assert.equal(user, '1000');
  assert.ok(packages.includes('pg') && !packages.includes('typescript') && !packages.includes('node'));
});

test('the stack comes up, its replica streams, its pooler pools, and claimbench leaves a bundle', {
  skip: stackMissing() ?? false,
}, async () => {
  const out = mkdtempSync(path.join(tmpdir(), 'claimbench-stack-'));
  // The image's user is not the one who runs the test.
  chmodSync(out, 0o777);
  const env: NodeJS.ProcessEnv = {
    CLAIMBENCH_PASSWORD: PASSWORD,
    CLAIMBENCH_IMAGE: image,
    CLAIMBENCH_OUT: out,
    POSTGRES_IMAGE: STACK_IMAGES.postgres,
    PGBOUNCER_IMAGE: STACK_IMAGES.pgbouncer,
    REDIS_IMAGE: STACK_IMAGES.redis,
    RABBITMQ_IMAGE: STACK_IMAGES.rabbitmq,
    // One that is free; and limits that a small machine has.
    ...Object.fromEntries(
      ['POSTGRES', 'REPLICA', 'PGBOUNCER', 'REDIS', 'RABBITMQ'].map((name) => [`${name}_PORT`, '0']),
    ),
    POSTGRES_CPUS: '1',
    CLAIMBENCH_CPUS: '1',
  };
  removeOrphans();
  try {
    succeed(compose(['up', '-d'], env));
    await allHealthy();
    const ask = (service: string, ...words: string[]) => {
      const [id = ''] = containers('{{.ID}}', `label=com.docker.compose.service=${service}`);
      return docker(['exec', id, ...words]);
    };
    const psql = ['psql', '--no-psqlrc', '--username', 'claimbench', '-Atc'];

    assert.equal(
      ask('postgres', ...psql, 'SELECT application_name, state FROM pg_stat_replication'),
      'replica|streaming',
    );
    const replica = `SELECT pg_is_in_recovery(), current_setting('hot_standby_feedback')`;
    assert.equal(ask('replica', ...psql, replica), 't|on');

    const pooled = [
      'sh',
      '-c',
      'PGPASSWORD=$DB_PASSWORD psql -h 127.0.0.1 -p 6432 -U claimbench -d "$0" -Atc "$1"',
    ];
    assert.equal(ask('pgbouncer', ...pooled, 'claimbench', 'SELECT 40 + 2'), '42');
    assert.match(ask('pgbouncer', ...pooled, 'pgbouncer', 'SHOW CONFIG'), /^pool_mode\|transaction\|/m);
    assert.match(ask('pgbouncer', ...pooled, 'pgbouncer', 'SHOW CONFIG'), /^max_prepared_statements\|200\|/m);
    assert.match(ask('redis', 'redis-cli', 'config', 'get', 'appendfsync'), /always/);
    assert.equal(
      ask('redis', 'env', '-u', 'REDISCLI_AUTH', 'redis-cli', 'ping'),
      'NOAUTH Authentication required.',
    );
    for (const id of containers('{{.ID}}'))
      assert.ok(!docker(['top', id, '-eo', 'pid,args']).includes(PASSWORD), 'no password in a command line');
    assert.match(ask('rabbitmq', 'rabbitmqctl', 'authenticate_user', 'claimbench', PASSWORD), /Success/);

    // A replica whose slot lost its WAL is copied anew when its volume has gone; and the slot with it.
    const sql = (text: string) => ask('postgres', ...psql, text);
    succeed(compose(['rm', '--stop', '--force', 'replica'], env));
    docker(['volume', 'rm', `${project}_replica`]);
    sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`);
    sql('SELECT pg_reload_conf()');
    for (let i = 0; i < 3; i += 1)
      sql('SELECT pg_logical_emit_message(false, $$test$$, $$x$$), pg_switch_wal()');
    sql('CHECKPOINT');
    assert.equal(sql('SELECT slot_name, wal_status FROM pg_replication_slots'), 'replica|lost');
    sql('ALTER SYSTEM RESET max_slot_wal_keep_size');
    sql('SELECT pg_reload_conf()');
    succeed(compose(['up', '-d', 'replica'], env));
    await allHealthy();
    assert.match(
      sql('SELECT slot_name, wal_status, active FROM pg_replication_slots'),
      /^replica\|(reserved|extended)\|t$/,
    );

    const words = ['--scenario', 'drain', '--contender', 'skip-locked', '--repeats', '1', '--duration', '2'];
    const run = compose(['run', '--rm', '-T', 'claimbench', 'run', ...words], env);
    // 4: this machine may be too busy to measure; the bundle then says so.
    assert.ok(run.status === 0 || run.status === 4, run.stderr.slice(-2_000));
    const [folder = ''] = readdirSync(out);
    const bundle = await readBundle(path.join(out, folder));
    assert.equal(bundle.result.cells.length, 1);
    assert.ok((bundle.result.cells[0]?.jobs.settled ?? 0) > 0);
    assert.ok(readdirSync(path.join(out, folder)).includes('report.html'));
  } finally {
    const down = compose(['down', '--volumes', '--remove-orphans', '--timeout', '5'], env);
    docker(['image', 'rm', '--force', image]);
    rmSync(out, { recursive: true, force: true });
    assert.equal(down.status, 0, down.stderr);
  }
  for (const what of ['container', 'volume', 'network']) {
    const words = what === 'container' ? ['ls', '--all', '--quiet'] : ['ls', '--quiet'];
    assert.equal(docker([what, ...words, '--filter', `label=com.docker.compose.project=${project}`]), '');
  }
});

/** Stacks of tests that were killed: their process is gone. */
function removeOrphans(): void {
  const format = '{{.ID}} {{.Label "com.docker.compose.project"}}';
  for (const line of docker(['ps', '--all', '--format', format]).split('\n')) {
    const [, id, pid] = /^(\w+) claimbench-test-(\d+)$/.exec(line) ?? [];
    if (id === undefined || existsSync(`/proc/${pid}`)) continue;
    docker(['rm', '--force', '--volumes', id]);
  }
}

/** The containers of this test's stack, in the given format. */
function containers(format: string, ...filters: readonly string[]): readonly string[] {
  const words = [`label=com.docker.compose.project=${project}`, ...filters].flatMap((word) => [
    '--filter',
    word,
  ]);
  return docker(['ps', ...words, '--format', format]).split('\n');
}

async function allHealthy(): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const lines = containers('{{.Names}} {{.Status}}');
    if (lines.length === SERVICES.length && lines.every((line) => line.includes('(healthy)'))) return;
    assert.ok(Date.now() < deadline, `not healthy: ${lines.join(', ')}`);
    await sleep(500);
  }
}
