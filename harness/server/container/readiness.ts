// When does a server in a container answer, by which way, and why not?

import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from 'dockerode';

import { oneLine, RuntimeFailure } from '../../errors.ts';
import { connect } from '../connect.ts';
import type { ConnectionSettings } from '../server.ts';

const READY_WITHIN_MS = 60_000;
const STEP_MS = 50;

/** It ended before it answered. `exitCode` is its own. */
export class ContainerEnded extends Error {
  constructor(exitCode: number) {
    super(`the container ended with code ${exitCode} while it started`);
  }
}

/**
 * Waits until the server takes a connection.
 * @throws ContainerEnded, RuntimeFailure at the deadline.
 */
export async function answersAt(
  container: Container,
  settings: () => Promise<ConnectionSettings | undefined>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  let last: unknown = 'it has no address yet';
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    const at = await settings();
    if (at !== undefined) {
      try {
        const client = await connect(at, { applicationName: 'claimbench admin' });
        await client.end().catch(() => {});
        return;
      } catch (error) {
        last = error;
      }
    }
    const { State } = await container.inspect();
    if (!State.Running) throw new ContainerEnded(State.ExitCode);
    await sleep(STEP_MS);
  }
  throw new RuntimeFailure(`the server did not answer within ${READY_WITHIN_MS / 1000} s: ${oneLine(last)}`);
}
