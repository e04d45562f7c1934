// Which containers of the harness does the engine have, and which volumes are theirs? Asked through Docker's own command line.

import { spawnSync } from 'node:child_process';

function docker(...words: readonly string[]): string[] {
  const { stdout } = spawnSync('docker', words, { encoding: 'utf8', timeout: 20_000 });
  return stdout.split('\n').filter(Boolean);
}

/** Containers that a process has made, this one if no other is named: other tests have theirs meanwhile. */
export function containersOf(pid = process.pid): readonly string[] {
  const format = '{{.ID}} {{.Label "org.claimbench.owner"}}';
  return docker('ps', '-a', '--no-trunc', '--format', format, '--filter', 'label=org.claimbench.owner')
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' '))] as const)
    .filter(([, owner]) => new RegExp(`"pid":${pid}\\b`).test(owner))
    .map(([id]) => id);
}

/** Names of the volumes of containers that are there. */
export function volumesOf(ids: readonly string[]): readonly string[] {
  return ids.length === 0
    ? []
    : docker('inspect', '--format', '{{range .Mounts}}{{println .Name}}{{end}}', ...ids);
}

/** Those of the volumes that the engine still has. */
export function volumesLeft(names: readonly string[]): readonly string[] {
  const all = new Set(docker('volume', 'ls', '-q'));
  return names.filter((name) => all.has(name));
}

/** Where the engine publishes the ports of a container, a line each. */
export function portsOf(id: string): readonly string[] {
  return docker('port', id);
}

/** SIGKILL. */
export function killContainer(id: string): void {
  docker('kill', id);
}
