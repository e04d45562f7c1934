// Where does a stand-in image get its Debian from? From Debian's own packages: no image registry is asked.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { oneLine, RuntimeFailure, UsageError } from '../../harness/errors.ts';
import { docker, hasImage, STAND_IN_LABEL } from './engine.ts';

/** Debian 13: the first whose PgBouncer keeps prepared statements (1.21 and later). */
const SUITE = 'trixie';
const BASE_IMAGE = `claimbench/stand-in-debian:${SUITE}`;
const APT_TIMEOUT_MS = 180_000;
const BOOTSTRAP_TIMEOUT_MS = 300_000;
const IMPORT_TIMEOUT_MS = 120_000;

/**
 * The image that all stand-ins are built from, made of Debian's packages when the engine lacks it (about 20 s).
 * @throws UsageError when not root; RuntimeFailure when mmdebstrap cannot be had or Debian's mirror does not answer.
 */
export function debianBase(): string {
  if (hasImage(BASE_IMAGE)) return BASE_IMAGE;
  if (process.getuid?.() !== 0) {
    throw new UsageError(`${BASE_IMAGE} is built by mmdebstrap, which needs root: run this as root`);
  }
  requireMmdebstrap();
  const folder = mkdtempSync(path.join(tmpdir(), 'claimbench-debian-'));
  try {
    const tree = path.join(folder, 'tree.tar');
    run('mmdebstrap', ['--quiet', '--mode=root', '--variant=minbase', SUITE, tree], BOOTSTRAP_TIMEOUT_MS);
    const labels = ['--change', `LABEL ${STAND_IN_LABEL}=true org.opencontainers.image.version=${SUITE}`];
    docker(['import', ...labels, '--change', 'CMD ["bash"]', tree, BASE_IMAGE], {
      timeoutMs: IMPORT_TIMEOUT_MS,
    });
    return BASE_IMAGE;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function requireMmdebstrap(): void {
  if (spawnSync('mmdebstrap', ['--version'], { timeout: 10_000 }).status === 0) return;
  const mend = 'mmdebstrap is not installed and apt-get could not install it: install it by hand';
  if (spawnSync('apt-get', ['--version'], { timeout: 10_000 }).status !== 0) throw new RuntimeFailure(mend);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const words of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', 'mmdebstrap'],
  ]) {
    const { status } = spawnSync('apt-get', words, { env, stdio: 'ignore', timeout: APT_TIMEOUT_MS });
    if (status !== 0) throw new RuntimeFailure(mend);
  }
}

function run(program: string, words: readonly string[], timeoutMs: number): void {
  const { status, stderr } = spawnSync(program, words, { encoding: 'utf8', timeout: timeoutMs });
  if (status === 0) return;
  const said = oneLine((stderr ?? '').trim().split('\n').at(-1) ?? '') || 'no end in time';
  throw new RuntimeFailure(`${program} failed: ${said}; is Debian's mirror reachable?`);
}
