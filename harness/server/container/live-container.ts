// Which process runs the server of a container at present, and how is it stopped in the middle of a load and started again in its place?

import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from 'dockerode';
import type { ContainerRuntimeClient } from 'testcontainers';

import { oneLine, RuntimeFailure } from '../../errors.ts';
import { nowUs } from '../../load/clock.ts';
import { complaintsIn } from '../log-lines.ts';
import { type ProcessMeters, SuccessiveMeters } from '../meters.ts';
import type { Restart, RestartOptions, StopMode } from '../server.ts';
import { pidHere } from './here.ts';
import type { Running } from './launch.ts';
import { answersAt } from './readiness.ts';
import type { ContainerWishes } from './wishes.ts';

const STOPS_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 20;
const SIGNALS = { immediate: 'SIGQUIT', fast: 'SIGINT' } as const;

/**
 * Whether a container that is started again has the data that it had, and is where it was: what lay in memory is gone, and an engine
 * publishes a port anew.
 */
export function comesBack(route: Running['route'], storage: ContainerWishes['storage']): boolean {
  return storage.kind !== 'tmpfs' && route !== 'published port';
}

/** The container of a server, through restarts. */
export class LiveContainer {
  readonly #engine: ContainerRuntimeClient;
  readonly #running: Running;
  readonly #signal: AbortSignal | undefined;
  readonly #meters: SuccessiveMeters | undefined;
  #pid: number | undefined;
  #restarting = false;
  #lost: string | undefined;

  constructor(engine: ContainerRuntimeClient, running: Running, signal: AbortSignal | undefined) {
    this.#engine = engine;
    this.#running = running;
    this.#signal = signal;
    this.#pid = running.pid;
    if (running.pid !== undefined) this.#meters = new SuccessiveMeters(running.pid);
  }

  /** As this machine has it; undefined where it does not see the container's processes. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Of all processes that there have been. */
  get meters(): ProcessMeters {
    return this.#meters ?? {};
  }

  /** Why it cannot be used any more; undefined while it can, and while it is being started again. */
  async whyGone(): Promise<string | undefined> {
    if (this.#restarting) return undefined;
    if (this.#lost !== undefined) return this.#lost;
    const { log } = this.#running;
    try {
      const { State } = await this.#container().inspect();
      if (State.Running) return undefined;
      const how = State.OOMKilled ? 'ran out of memory and was killed' : `ended with code ${State.ExitCode}`;
      return `its container ${how}: ${complaintsIn(log.text)}`;
    } catch (error) {
      return `the Docker engine does not answer (${oneLine(error)}); the server's last words: ${complaintsIn(log.text)}`;
    }
  }

  /** The container stays: its postmaster is told to stop, and it is started again. @throws RuntimeFailure. */
  async restart(mode: StopMode, { downMs = 0 }: RestartOptions = {}): Promise<Restart> {
    if (this.#restarting)
      throw new RuntimeFailure('the server is being stopped already: one restart at a time');
    this.#restarting = true;
    try {
      const container = this.#container();
      const wentUs = nowUs();
      await container.kill({ signal: SIGNALS[mode] });
      const ended = () => this.#ended(container, mode);
      await (this.#meters?.followedToItsEnd(ended) ?? ended());
      const signal = this.#signal;
      if (downMs > 0) await sleep(downMs, undefined, { ...(signal && { signal }) });
      await this.#start(container);
      return { mode, wentUs, readyUs: nowUs() };
    } finally {
      this.#restarting = false;
    }
  }

  async #ended(container: Container, mode: StopMode): Promise<void> {
    const deadline = performance.now() + STOPS_WITHIN_MS;
    while ((await container.inspect()).State.Running) {
      if (performance.now() > deadline)
        throw new RuntimeFailure(
          `the container did not stop (${mode}) within ${STOPS_WITHIN_MS / 1000} s: ${complaintsIn(this.#running.log.text)}`,
        );
      await sleep(LOOK_AGAIN_MS);
    }
  }

  async #start(container: Container): Promise<void> {
    const { admin, route, log } = this.#running;
    const since = Math.floor(Date.now() / 1000);
    await container.start();
    const inspected = await container.inspect();
    this.#pid = pidHere(inspected);
    if (this.#pid !== undefined) this.#meters?.follow(this.#pid);
    log.follow(await this.#running.container.logs({ since }));
    const address = inspected.NetworkSettings.Networks['bridge']?.IPAddress;
    if (route === 'container address' && address !== admin.host) {
      this.#lost = `its container came back at another address (${address}) than it had: take --network host`;
      throw new RuntimeFailure(this.#lost);
    }
    await answersAt(container, async () => admin, this.#signal);
  }

  #container(): Container {
    return this.#engine.container.getById(this.#running.container.getId());
  }
}
