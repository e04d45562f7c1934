// Which postmaster runs an embedded server at present, and how is it stopped in the middle of a load and started again in its place?

import { setTimeout as sleep } from 'node:timers/promises';

import { RuntimeFailure } from '../errors.ts';
import { nowUs } from '../load/clock.ts';
import {
  type ClusterPlace,
  complaints,
  type Postmaster,
  startPostmasterAgain,
  stopPostmaster,
} from './cluster.ts';
import { type ProcessMeters, SuccessiveMeters } from './meters.ts';
import { endsWithin, isAlive } from './processes.ts';
import type { Restart, RestartOptions, StopMode } from './server.ts';

/** A fast stop writes a checkpoint of all that is dirty; an immediate one gives its processes five seconds before it kills them. */
const STOPS_WITHIN_MS = 30_000;
const SIGNALS = { immediate: 'SIGQUIT', fast: 'SIGINT' } as const;

/** The postmaster of a cluster, through restarts. It owns whichever one is running. */
export class LivePostmaster {
  readonly #place: ClusterPlace;
  readonly #meters: SuccessiveMeters;
  #current: Postmaster;
  #restarting: Promise<Restart> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(place: ClusterPlace, first: Postmaster) {
    this.#place = place;
    this.#current = first;
    this.#meters = new SuccessiveMeters(first.pid);
  }

  get pid(): number {
    return this.#current.pid;
  }

  get port(): number {
    return this.#current.port;
  }

  /** Of all postmasters so far. */
  get meters(): ProcessMeters {
    return this.#meters;
  }

  /** Why it does not run any more; undefined while it does, and while it is being started again. */
  async whyGone(): Promise<string | undefined> {
    if (this.#restarting !== undefined || isAlive(this.pid)) return undefined;
    return `its process has ended: ${await complaints(this.#place.folder)}`;
  }

  /**
   * On the same port. Resolves when it accepts connections again.
   * @throws RuntimeFailure while another restart is under way, and when it does not stop or start in time.
   */
  restart(mode: StopMode, options: RestartOptions = {}): Promise<Restart> {
    if (this.#restarting !== undefined || this.#stopping !== undefined)
      return Promise.reject(new RuntimeFailure('the server is being stopped already: one restart at a time'));
    const restarting = this.#restart(mode, options.downMs ?? 0).finally(() => {
      this.#restarting = undefined;
    });
    this.#restarting = restarting;
    return restarting;
  }

  async #restart(mode: StopMode, downMs: number): Promise<Restart> {
    const { signal } = this.#place;
    const { child, port } = this.#current;
    const wentUs = nowUs();
    child.ref();
    child.kill(SIGNALS[mode]);
    const ended = await this.#meters.followedToItsEnd(() => endsWithin(child, STOPS_WITHIN_MS));
    if (!ended)
      throw new RuntimeFailure(
        `the embedded server did not stop (${mode}) within ${STOPS_WITHIN_MS / 1000} s`,
      );
    this.#place.onProcess(undefined);
    if (downMs > 0) await sleep(downMs, undefined, { ...(signal && { signal }) });
    await startPostmasterAgain(this.#place, port, (launched) => {
      this.#current = launched;
      this.#meters.follow(launched.pid);
    });
    return { mode, wentUs, readyUs: nowUs() };
  }

  /** For good. A restart under way comes to its end first, which an aborted signal of the place hastens. */
  stop(): Promise<void> {
    const { child } = this.#current;
    this.#stopping ??=
      this.#restarting === undefined
        ? stopPostmaster(child)
        : this.#restarting.then(
            () => stopPostmaster(this.#current.child),
            () => stopPostmaster(this.#current.child),
          );
    return this.#stopping;
  }
}
