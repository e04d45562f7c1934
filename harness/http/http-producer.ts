// How does a producer enqueue over HTTP? Each job is one POST to the front.

import type { BenchJob, Producer } from '../contender.ts';
import { Cannon, type PostAnswer } from './cannon.ts';
import { outcomeOfStatus, PostError } from './outcome.ts';

/** What one producer's posts were answered. */
export interface PostReport {
  readonly statuses: Readonly<Record<string, number>>;
  readonly timeouts: number;
  /** Connections that broke with a request under way. */
  readonly brokenConnections: number;
  /** Of those answered 429: how many without a Retry-After. */
  readonly withoutRetryAfter: number;
}

/** `enqueue` rejects with a PostError for whatever did not end in a job. */
export class HttpProducer implements Producer {
  readonly #cannon: Cannon;
  readonly #statuses: Record<string, number> = {};
  #timeouts = 0;
  #brokenConnections = 0;
  #withoutRetryAfter = 0;

  private constructor(cannon: Cannon) {
    this.#cannon = cannon;
  }

  /** Opens all connections to the front on this machine, so that no job waits for one to be made. */
  static async open(port: number, connections: number): Promise<HttpProducer> {
    return new HttpProducer(await Cannon.open({ port, connections, path: '/jobs', healthPath: '/health' }));
  }

  async enqueue(
    { payload, priority, runAtMs }: BenchJob,
    leaves: () => void = () => undefined,
  ): Promise<void> {
    const body = JSON.stringify({
      payload,
      ...(priority === 0 ? {} : { priority }),
      ...(runAtMs === undefined ? {} : { runAtMs }),
    });
    this.#judge(await this.#cannon.post(body, leaves));
  }

  report(): PostReport {
    return {
      statuses: { ...this.#statuses },
      timeouts: this.#timeouts,
      brokenConnections: this.#brokenConnections,
      withoutRetryAfter: this.#withoutRetryAfter,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cannon[Symbol.asyncDispose]();
  }

  #judge(answer: PostAnswer): void {
    if (answer.kind === 'unsent') throw new PostError('POST /jobs was not sent before the end', 'refused');
    if (answer.kind === 'lost') {
      if (answer.timedOut) this.#timeouts += 1;
      else this.#brokenConnections += 1;
      const why = answer.timedOut ? 'no answer in time' : 'the connection broke';
      throw new PostError(`POST /jobs: ${why}`, 'unknown');
    }
    const { status, retryAfter } = answer;
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (status === 201) return;
    if (status === 429 && !retryAfter) this.#withoutRetryAfter += 1;
    throw new PostError(`POST /jobs was answered ${status}`, outcomeOfStatus(status));
  }
}
