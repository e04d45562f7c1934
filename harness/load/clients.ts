// When does each client of a closed loop send? A job, its answer, a think time, and the next job.

import { type Random, randomStream } from '../../stats/random.ts';
import type { Alarm } from './alarm.ts';
import type { Clock } from './clock.ts';
import { eventLoopTurn, step } from './pacer.ts';

/** A stretch with so many clients; 0 is silence. */
export interface ClientPhase {
  readonly seconds: number;
  readonly clients: number;
  readonly thinkMs: number;
  readonly think: 'constant' | 'exponential';
}

export interface ClientsOptions {
  readonly startUs: number;
  readonly phases: readonly ClientPhase[];
  /** This producer has the clients `first`, `first + stride`, …. */
  readonly first: number;
  readonly stride: number;
  readonly seed: number;
  readonly stream: string;
  /** Jobs at most; the clients stop when they have sent so many. */
  readonly maxJobs: number;
  readonly clock: Clock;
  readonly alarm: Pick<Alarm, 'until' | 'interrupt'>;
  readonly signal: AbortSignal;
  /** Sends the job of this number, from 0; resolves when its enqueue was answered, and never rejects. */
  readonly send: (index: number) => Promise<void>;
}

/** A think time in µs; `u` in [0, 1) is drawn for an exponential one. */
export function thinkUs(phase: ClientPhase, random: Random): number {
  const meanUs = phase.thinkMs * 1000;
  return phase.think === 'constant' ? meanUs : -Math.log(1 - random()) * meanUs;
}

/**
 * When a client first sends in a phase, in µs from its start: clients with a constant think time are spread over one such
 * time, or they would all send at once for ever; the others begin by thinking.
 */
export function firstSendUs(phase: ClientPhase, client: number, random: Random): number {
  if (phase.think === 'exponential') return thinkUs(phase, random);
  return ((client + 0.5) / phase.clients) * phase.thinkMs * 1000;
}

/** Runs this producer's clients through all phases. Resolves when every answer is in; returns how many jobs were sent. */
export async function runClients(options: ClientsOptions): Promise<number> {
  const most = Math.max(0, ...options.phases.map((phase) => phase.clients));
  const bed = new Bed(options);
  const shared = { sent: 0 };
  const clients: Promise<void>[] = [];
  for (let client = options.first; client < most; client += options.stride)
    clients.push(runClient(client, options, bed, shared));
  await Promise.all(clients);
  return shared.sent;
}

async function runClient(
  client: number,
  options: ClientsOptions,
  bed: Bed,
  shared: { sent: number },
): Promise<void> {
  const { clock, signal } = options;
  const random = randomStream(options.seed, `${options.stream}/client-${client}`);
  let fromUs = options.startUs;
  for (const phase of options.phases) {
    const endUs = fromUs + phase.seconds * 1e6;
    let readyUs = fromUs + firstSendUs(phase, client, random);
    fromUs = endUs;
    if (client >= phase.clients) continue;
    while (readyUs < endUs && shared.sent < options.maxJobs && !signal.aborted) {
      if (readyUs > clock()) {
        await bed.sleep(readyUs);
        if (signal.aborted) return;
      }
      if (clock() >= endUs || shared.sent >= options.maxJobs) break;
      const index = shared.sent;
      shared.sent += 1;
      // Clients without think time whose answers come at once would never let anybody else have a turn.
      if (shared.sent % 64 === 0) await eventLoopTurn();
      await options.send(index);
      readyUs = clock() + thinkUs(phase, random);
    }
  }
}

/** Where thinking clients sleep, all on one alarm, and by the pacing law: none is woken early. */
class Bed {
  readonly #options: ClientsOptions;
  /** Latest first, so that the next to wake is at the end. */
  readonly #sleepers: { readonly readyUs: number; readonly wake: () => void }[] = [];
  #watching = false;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  sleep(readyUs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let [low, high] = [0, this.#sleepers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sleepers[middle]?.readyUs ?? 0) > readyUs) low = middle + 1;
      else high = middle;
    }
    this.#sleepers.splice(low, 0, { readyUs, wake: resolve });
    if (!this.#watching) this.#watch().catch(() => undefined);
    else if (low === this.#sleepers.length - 1) this.#options.alarm.interrupt();
    return promise;
  }

  async #watch(): Promise<void> {
    this.#watching = true;
    const { alarm, clock, signal } = this.#options;
    while (!signal.aborted) {
      const action = step(this.#sleepers.at(-1)?.readyUs, clock());
      if (action.kind === 'end') break;
      if (action.kind === 'wait') await alarm.until(action.untilUs);
      else this.#sleepers.pop()?.wake();
    }
    this.#watching = false;
    if (signal.aborted) for (const { wake } of this.#sleepers.splice(0)) wake();
  }
}
