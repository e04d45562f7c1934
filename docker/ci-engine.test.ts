// Does CI leave a machine's own engine alone, and take along all that it made for its own?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';

import { temporaryFolder } from '../testing/command.ts';

const SCRIPT = path.resolve(import.meta.dirname, '../.ci/docker.sh');
const skip =
  process.platform === 'linux' && process.getuid?.() === 0 ? false : 'only root starts an engine, on Linux';

interface Tried {
  readonly code: number | null;
  readonly stdout: string;
  /** What a dockerd was started with; absent where none was. */
  readonly dockerd: string | undefined;
}

/** Sources the script where `docker` answers nothing until `dockerd`, which is no engine, was started; and where no other runs. */
function bash(t: TestContext, lines: string, env: NodeJS.ProcessEnv = {}): Tried {
  const folder = temporaryFolder(t);
  const started = path.join(folder, 'started');
  for (const [name, text] of [
    ['docker', `test -e '${started}'`],
    ['dockerd', `echo "$@" > '${started}'; exec sleep 20`],
  ] as const) {
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(path.join(folder, name), 0o755);
  }
  const words = `. '${SCRIPT}'; machine_socket='${folder}/docker.sock'; dockerd_runs() { false; }; ${lines}`;
  const { status, stdout } = spawnSync('bash', ['-euo', 'pipefail', '-c', words], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { HOME: folder, PATH: `${folder}:${process.env['PATH']}`, FOLDER: folder, ...env },
  });
  const dockerd = existsSync(started) ? readFileSync(started, 'utf8').trim() : undefined;
  return { code: status, stdout: stdout.trim(), dockerd };
}

test('where there is none, one is started on a socket of its own, and goes with its folder', {
  skip,
}, (t) => {
  const { code, stdout, dockerd } = bash(
    t,
    'start_engine; echo "$DOCKER_HOST $engine_pid"; stop_engine; env | grep DOCKER_HOST || echo none',
  );
  assert.equal(code, 0);
  const [, folder, pid] =
    /^unix:\/\/(\/tmp\/claimbench-engine\.\w+)\/docker\.sock (\d+)\nnone$/.exec(stdout) ?? [];
  assert.ok(folder !== undefined && pid !== undefined, stdout);
  assert.ok(dockerd?.startsWith(`-H unix://${folder}/docker.sock --data-root ${folder}/`), dockerd);
  assert.ok(!existsSync(folder) && !existsSync(`/proc/${pid}`));
});

test('an engine that is named, that runs, or that is only slow, is left alone', { skip }, async (t) => {
  const tries: readonly (readonly [string, NodeJS.ProcessEnv])[] = [
    ['', { DOCKER_HOST: 'unix:///nowhere/docker.sock' }],
    ['', { DOCKER_CONTEXT: 'elsewhere' }],
    ['dockerd_runs() { true; };', {}],
  ];
  for (const [lines, env] of tries) {
    const { code, dockerd } = bash(t, `${lines} if start_engine; then exit 9; fi`, env);
    assert.deepEqual({ code, dockerd }, { code: 0, dockerd: undefined }, lines || JSON.stringify(env));
  }
  const socket = path.join(temporaryFolder(t), 'slow.sock');
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(socket, resolve));
  try {
    const { code, dockerd } = bash(t, `machine_socket='${socket}'; if start_engine; then exit 9; fi`);
    assert.deepEqual({ code, dockerd }, { code: 0, dockerd: undefined });
  } finally {
    silent.close();
  }
});

test('a socket that an engine left when it died is no engine', { skip }, (t) => {
  const leave = `node -e 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))' "$FOLDER/docker.sock" || true`;
  const { code, dockerd } = bash(t, `${leave}; test -S "$FOLDER/docker.sock"; start_engine; stop_engine`);
  assert.equal(code, 0);
  assert.notEqual(dockerd, undefined);
});

test('a run that ends while the package is installed takes the policy along, and none but its own', (t) => {
  const { code, stdout } = bash(
    t,
    `trap 'remove_policy; ls "$FOLDER"/*.d' EXIT
     touch "$FOLDER/a.d" "$FOLDER/b.d"; engine_policy=$FOLDER/a.d; kill -TERM $$; sleep 5`,
  );
  assert.ok(code !== 0);
  assert.match(stdout, /^\S+\/b\.d$/);
});
