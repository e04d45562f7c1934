// What does somebody see who runs claimbench on a server in Docker, and what when Docker fails them?

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunResult, resultSchema } from '../harness/result/result.ts';
import { claimbench, type Running, start, temporaryFolder } from '../testing/command.ts';
import { containersOf, killContainer } from '../testing/containers.ts';
import { dockerMissing, testImage } from '../testing/docker.ts';

const skip = dockerMissing() ?? false;
const SOCKET = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');

function words(folder: string, preloadJobs: number, ...more: readonly string[]): string[] {
  const file = join(folder, 'short.json');
  const phases = [{ label: 'drain', seconds: 1 }];
  const scenario = {
    name: 'short',
    question: 'How fast?',
    preload: { ready: preloadJobs },
    warmupSeconds: 0.1,
    phases,
  };
  writeFileSync(file, JSON.stringify({ ...scenario, job: { payloadBytes: 1_000 } }));
  const fixed = ['run', '--server', 'docker', '--image', testImage(), '--scenario', file];
  return [...fixed, '--contender', 'skip-locked', '--out', join(folder, 'bundle'), ...more];
}

function readResult(folder: string): RunResult {
  return resultSchema.parse(JSON.parse(readFileSync(join(folder, 'bundle', 'result.json'), 'utf8')));
}

/** The lines that claimbench itself says, without those of cells. */
function said(stderr: string): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('claimbench: '));
}

async function afterFirstCell(running: Running): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!/^\[ *1\/\d+\]/m.test(running.stderr())) {
    assert.ok(performance.now() < deadline && running.child.exitCode === null, running.stderr());
    await sleep(50);
  }
}

describe('a run on a server in a container', { skip }, () => {
  test('is kept with its image, its limits and how it was reached, and leaves nothing', async (t) => {
    const folder = temporaryFolder(t);
    const more = ['--repeats', '1', '--cpus', '1.5', '--memory', '1g', '--setting', 'work_mem=9MB'];
    const running = start(words(folder, 15_000, '--contender', 'batch', ...more));
    const { code, stderr } = await running.finished;
    assert.ok(code === 0 || code === 4, stderr);
    const { environment, cells } = readResult(folder);
    assert.equal(environment.server.kind, 'docker');
    assert.equal(environment.server.container?.image, testImage());
    assert.equal(environment.server.container?.limits?.cpus, 1.5);
    assert.equal(environment.server.container?.limits?.memoryBytes, 2 ** 30);
    assert.deepEqual(cells.map(({ contender }) => contender.name).toSorted(), ['batch', 'skip-locked']);
    // What the engine puts between does not hide what a job costs the server.
    for (const cell of cells.filter(({ verdict }) => verdict === 'valid')) {
      assert.ok((cell.cost?.serverCpuUsPerJob ?? 0) > 0);
      assert.ok((cell.cost?.buffersPerJob ?? 0) > 0);
    }
    const report = readFileSync(join(folder, 'bundle', 'report.md'), 'utf8');
    assert.match(report, /time of 1\.5 processors/);
    assert.deepEqual(containersOf(running.child.pid), []);
  });

  test('outlives its server: what had finished is kept, and one line says why', async (t) => {
    const folder = temporaryFolder(t);
    const running = start(words(folder, 15_000, '--repeats', '20'));
    await afterFirstCell(running);
    const [id = ''] = containersOf(running.child.pid);
    killContainer(id);
    const { code, stderr } = await running.finished;
    assert.equal(code, 2, stderr);
    const { cells, complete, lostServers } = readResult(folder);
    assert.equal(complete, false);
    assert.ok(cells.length >= 2 && cells.length < 20, `${cells.length} cells`);
    assert.match(lostServers?.[0]?.reason ?? '', /its container ended with code 137/);
    assert.match(
      said(stderr).at(-1) ?? '',
      /^claimbench: lost PostgreSQL .* after \d+ cells? .*finished cells are kept/,
    );
    assert.ok(existsSync(join(folder, 'bundle', 'report.html')));
    assert.deepEqual(containersOf(running.child.pid), []);
  });

  test('outlives the engine too; what could not be removed, the next run removes', async (t) => {
    const folder = temporaryFolder(t);
    await using engine = await wayToEngine(t);
    const running = start(words(folder, 15_000, '--repeats', '20'), 120_000, {
      DOCKER_HOST: `unix://${engine.path}`,
    });
    await afterFirstCell(running);
    const [id = ''] = containersOf(running.child.pid);
    await engine[Symbol.asyncDispose]();
    killContainer(id);
    const { code, stderr } = await running.finished;
    assert.equal(code, 2, stderr);
    assert.match(said(stderr).at(-1) ?? '', /the Docker engine does not answer/);
    assert.ok(readResult(folder).cells.length >= 2);
    assert.deepEqual(containersOf(running.child.pid).length, 1);
    const next = await claimbench('doctor', '--quick', '--server', 'docker', '--image', testImage());
    assert.match(next.stdout, /container +Docker/);
    assert.deepEqual(containersOf(running.child.pid), []);
  });

  test('whose disk is full says so, and is not taken for a slow queue', async (t) => {
    const folder = temporaryFolder(t);
    const more = ['--repeats', '1', '--storage', 'tmpfs:160m'];
    const running = start(words(folder, 300_000, ...more));
    const { code, stderr } = await running.finished;
    assert.ok(code === 2 || code === 4, stderr);
    const [cell] = readResult(folder).cells;
    assert.equal(cell?.verdict, 'invalid');
    assert.match(cell?.reasons.join('; ') ?? '', /No space left on device/);
    assert.equal(cell?.throughput, undefined);
    assert.deepEqual(containersOf(running.child.pid), []);
  });

  test('is ended by Ctrl-C while its container starts, with nothing left', async (t) => {
    const folder = temporaryFolder(t);
    const running = start(words(folder, 15_000));
    const deadline = performance.now() + 30_000;
    while (containersOf(running.child.pid).length === 0) {
      assert.ok(performance.now() < deadline, running.stderr());
      await sleep(20);
    }
    running.child.kill('SIGINT');
    const { code, stderr } = await running.finished;
    assert.equal(code, 130, stderr);
    assert.deepEqual(containersOf(running.child.pid), []);
  });
});

describe('what Docker cannot give', () => {
  for (const [what, more, env, exit, says] of [
    [
      'no engine',
      [],
      { DOCKER_HOST: 'unix:///nowhere/docker.sock' },
      2,
      /no Docker engine answers at DOCKER_HOST \(unix:\/\/\/nowhere\/docker\.sock\): correct it .* or give --server embedded$/,
    ],
    ['a size that is none', ['--memory', 'lots'], {}, 1, /--memory "lots": give a size such as 512m or 2g$/],
    ['a setting that says nothing', ['--setting', 'fsync'], {}, 1, /--setting "fsync": give name=value/],
    ['a setting of its own', ['--setting', 'port=1'], {}, 1, /the setting port is claimbench's own/],
    ['an extension that is none', ['--extension', 'x; DROP'], {}, 1, /give the name of an extension/],
  ] as const) {
    test(`${what}: one line, before anything is made`, async (t) => {
      const folder = temporaryFolder(t);
      const { code, stderr } = await start(words(folder, 100, ...more), 60_000, env).finished;
      assert.equal(code, exit, stderr);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
      assert.match(stderr.trim(), says);
      assert.equal(existsSync(join(folder, 'bundle', 'result.json')), false);
    });
  }

  test('an option of a container on another server is refused', async () => {
    const { code, stderr } = await claimbench(
      'run',
      '--scenario',
      'drain',
      '--contender',
      'batch',
      '--cpus',
      '1',
    );
    assert.equal(code, 1);
    assert.match(stderr, /--cpus is about a container: give --server docker with it, or leave it out\n$/);
  });

  test('an image that is nowhere: how to get it', { skip }, async (t) => {
    const folder = temporaryFolder(t);
    const nowhere = words(folder, 100).map((word) => (word === testImage() ? '127.0.0.1:1/none:1' : word));
    const { code, stderr } = await start(nowhere).finished;
    assert.equal(code, 2, stderr);
    assert.match(
      said(stderr).at(-1) ?? '',
      /image 127\.0\.0\.1:1\/none:1 is not here and cannot be fetched .*--image/,
    );
  });
});

/** A socket that leads to the engine until it is disposed: an engine that dies. */
async function wayToEngine(scope: TestContext): Promise<AsyncDisposable & { readonly path: string }> {
  const at = join(temporaryFolder(scope), 'docker.sock');
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(SOCKET);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(at, resolve));
  let closed: Promise<void> | undefined;
  return {
    path: at,
    [Symbol.asyncDispose]() {
      closed ??= new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      });
      return closed;
    },
  };
}
