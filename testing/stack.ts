// With which images does a test start the compose stack, and why is it left out?

import { spawnSync } from 'node:child_process';

import { hasImage } from '../docker/stand-in/engine.ts';
import { dockerMissing } from './docker.ts';

/** The published image where the engine has it, else its stand-in. Major 17, as that stand-in is complete with pg_basebackup. */
export const STACK_IMAGES = {
  postgres: present('postgres:17', 'claimbench/stand-in-postgres:17'),
  pgbouncer: present('edoburu/pgbouncer:v1.24.1-p0', 'claimbench/stand-in-pgbouncer:1.24'),
  redis: present('redis:8.0.2', 'claimbench/stand-in-redis:8.0'),
  rabbitmq: present('rabbitmq:4.0.5', 'claimbench/stand-in-rabbitmq:4.0'),
  prometheus: present('prom/prometheus:v2.53.3', 'claimbench/stand-in-prometheus:2.53'),
  node: present('node:24.21.0-bookworm-slim', 'claimbench/stand-in-node:24'),
} as const;

function present(published: string, standIn: string): string {
  return hasImage(published) ? published : standIn;
}

/** `docker compose` where the plugin is installed, else `docker-compose`; absent where neither is. */
export function composeCommand(): readonly [string, ...string[]] | undefined {
  const commands: readonly (readonly [string, ...string[]])[] = [['docker', 'compose'], ['docker-compose']];
  return commands.find(
    ([program, ...words]) =>
      spawnSync(program, [...words, 'version'], { timeout: 20_000, stdio: 'ignore' }).status === 0,
  );
}

/** Why a test of the stack is left out; undefined where it can run. */
export function stackMissing(): string | undefined {
  if (composeCommand() === undefined) return 'there is no docker compose: apt-get install docker-compose';
  for (const image of Object.values(STACK_IMAGES)) {
    const reason = dockerMissing(image);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
