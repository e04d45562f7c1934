// How does this project speak to a Docker engine? Through the `docker` command, with a limit of time on each call.

import { spawnSync } from 'node:child_process';

import { oneLine, RuntimeFailure } from '../../harness/errors.ts';

/** On images that are built here in place of published ones. No image without it is ever replaced. */
export const STAND_IN_LABEL = 'org.claimbench.stand-in';

/** A finished `docker` command. `code` is null when it was not found, or did not end in time. */
export interface DockerResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a call may be given beside its words. */
export interface DockerOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number;
  readonly input?: string;
  /** Show what it says as it goes, instead of keeping it. */
  readonly show?: boolean;
}

/** Runs `docker …words`. Never throws: look at `code`. */
function tryDocker(words: readonly string[], options: DockerOptions = {}): DockerResult {
  const result = spawnSync('docker', words, {
    encoding: 'utf8',
    timeout: options.timeoutMs ?? 30_000,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', options.show ? 'inherit' : 'pipe', 'pipe'],
    ...(options.input === undefined ? {} : { input: options.input }),
    // The builder of buildx is a plugin that many installations lack; the classic one is in every engine.
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  });
  // With `show` nothing was kept; and a program that is not there has said nothing.
  return { code: result.status, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
}

/** Runs `docker …words` and gives its stdout, trimmed. @throws RuntimeFailure with its last line when it fails. */
export function docker(words: readonly string[], options: DockerOptions = {}): string {
  const { code, stdout, stderr } = tryDocker(words, options);
  if (code === 0) return stdout.trim();
  const said = oneLine(stderr.trim().split('\n').at(-1) ?? '') || 'no answer in time';
  throw new RuntimeFailure(`docker ${words[0] ?? ''} failed: ${said}`);
}

/** Whether an engine answers. */
export function engineAnswers(timeoutMs = 10_000): boolean {
  const { code, stdout } = tryDocker(['version', '--format', '{{.Server.Version}}'], { timeoutMs });
  return code === 0 && stdout.trim() !== '';
}

/** Whether the engine has the image; it does not look in a registry. */
export function hasImage(image: string): boolean {
  return tryDocker(['image', 'inspect', '--format', '{{.Id}}', image], { timeoutMs: 10_000 }).code === 0;
}

/** Whether the name is free, or that of a stand-in, which may be replaced. */
export function mayTag(image: string): boolean {
  const { code, stdout } = tryDocker(['image', 'inspect', '--format', '{{json .Config.Labels}}', image]);
  return code !== 0 || stdout.includes(`"${STAND_IN_LABEL}":"true"`);
}
