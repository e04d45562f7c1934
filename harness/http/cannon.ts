// How does autocannon send each request at an instant of ours?

import autocannon, { type Client } from 'autocannon';

/**
 * What came back for a post. `lost`: the connection broke, or no answer came in time. `unsent`: it never left.
 */
export type PostAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: boolean }
  | { readonly kind: 'lost'; readonly timedOut: boolean }
  | { readonly kind: 'unsent' };

export interface CannonOptions {
  readonly port: number;
  readonly connections: number;
  /** Path that the posts go to. */
  readonly path: string;
  /** Answered 200 by who listens, to open each connection with. */
  readonly healthPath: string;
  /** For all connections together; default 10,000. */
  readonly openWithinMs?: number;
}

interface Post {
  readonly body: string;
  readonly leaves: () => void;
  readonly done: (answer: PostAnswer) => void;
}

/** An answer takes this long at most; then its connection is opened anew. */
const TIMEOUT_SECONDS = 30;
const OPEN_WITHIN_MS = 10_000;
/** It stops at its next look at the clock. */
const SAMPLE_MS = 100;
const STOP_WITHIN_MS = 5_000;
/** Out of reach, both: the load ends when we say so, and is paced by us. */
const DURATION_SECONDS = 1_000_000;
const RATE = 10_000_000;

/** What of a client is not in its types: it sends by calling this of itself, whenever it is free. */
interface Driven {
  _doRequest(): void;
  readonly parser: { initialize(kind: string): void };
  readonly pipelinedRequests: { clear(): void };
}

function isDriven(client: object): client is Driven {
  const has = (owner: unknown, method: string): boolean =>
    typeof owner === 'object' && owner !== null && typeof Reflect.get(owner, method) === 'function';
  return (
    has(client, '_doRequest') &&
    has(Reflect.get(client, 'parser'), 'initialize') &&
    has(Reflect.get(client, 'pipelinedRequests'), 'clear')
  );
}

/**
 * autocannon's connections, its requests and its parser, under our schedule. Its own pacing is no open loop: every connection
 * sends its share of a second's requests one after another, each as soon as the last was answered, at the beginning of the second,
 * and none while an answer is missing. So each client is stopped where it would send its next request, and sends one
 * when a job is due. A job that finds no idle connection waits for one, in the order of arrival.
 *
 * Its own latencies are not used: they count from the sending, know nothing of the wait before, and hold the requests that
 * open the connections. Its correction for coordinated omission is off: it fills in samples that never were,
 * as if requests came at even distances (and takes that distance in ms for 1 ÷ its rate in seconds).
 */
export class Cannon implements AsyncDisposable {
  readonly #idle: Connection[] = [];
  readonly #waiting: Post[] = [];
  readonly #connections: Connection[] = [];
  readonly #instance: autocannon.Instance;
  readonly #ended = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #count: number;
  #opening = 0;
  #closed = false;

  private constructor(options: CannonOptions) {
    this.#count = options.connections;
    this.#opened.promise.catch(() => undefined);
    this.#instance = autocannon(
      {
        url: `http://127.0.0.1:${options.port}${options.healthPath}`,
        connections: options.connections,
        duration: DURATION_SECONDS,
        timeout: TIMEOUT_SECONDS,
        sampleInt: SAMPLE_MS,
        // Off may only be said where there is a rate.
        connectionRate: RATE,
        ignoreCoordinatedOmission: true,
        setupClient: (client) => this.#adopt(client, options.path),
      },
      (error: unknown) => {
        if (error instanceof Error) this.#opened.reject(error);
        this.#ended.resolve();
      },
    );
  }

  /** Resolves when every connection is open and has been answered. @throws Error when that takes too long. */
  static async open(options: CannonOptions): Promise<Cannon> {
    const cannon = new Cannon(options);
    const { port, openWithinMs = OPEN_WITHIN_MS } = options;
    const late = new Error(`no answer at port ${port} within ${openWithinMs / 1000} s`);
    const timer = setTimeout(() => cannon.#opened.reject(late), openWithinMs);
    try {
      await cannon.#opened.promise;
      return cannon;
    } catch (error) {
      await cannon[Symbol.asyncDispose]();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Posts a body of JSON, at once where a connection is idle. `leaves` is called when it goes out. Never rejects. */
  post(body: string, leaves: () => void): Promise<PostAnswer> {
    return new Promise((done) => {
      const post = { body, leaves, done };
      if (this.#closed) done({ kind: 'unsent' });
      else {
        const connection = this.#idle.shift();
        if (connection === undefined) this.#waiting.push(post);
        else connection.send(post);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { done } of this.#waiting.splice(0)) done({ kind: 'unsent' });
    for (const connection of this.#connections) connection.abandon();
    this.#instance.stop();
    const timer = setTimeout(() => this.#ended.resolve(), STOP_WITHIN_MS);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  #adopt(client: Client, path: string): void {
    if (!isDriven(client)) throw new Error('this version of autocannon cannot be paced: install 8.0.0');
    this.#connections.push(
      new Connection(client, path, (connection, first) => {
        if (first) this.#ready();
        const next = this.#waiting.shift();
        if (next === undefined) this.#idle.push(connection);
        else connection.send(next);
      }),
    );
  }

  #ready(): void {
    this.#opening += 1;
    if (this.#opening === this.#count) this.#opened.resolve();
  }
}

/** Called when a connection can take a post; `first` when it has just been opened. */
type OnFree = (connection: Connection, first: boolean) => void;

/** One client of autocannon's, which sends when it is told to. */
class Connection {
  readonly #client: Client & Driven;
  readonly #sendNext: () => void;
  readonly #free: OnFree;
  readonly #path: string;
  #state: 'opening' | 'idle' | 'busy' = 'opening';
  #post: Post | undefined;
  #sentMs = 0;
  #answer: PostAnswer | undefined;
  #opened = false;

  constructor(client: Client & Driven, path: string, free: OnFree) {
    this.#client = client;
    this.#path = path;
    this.#free = free;
    this.#sendNext = client._doRequest.bind(client);
    client._doRequest = () => this.#next();
    client.on('response', (status) => {
      this.#opened ||= status === 200;
    });
  }

  send(post: Post): void {
    this.#state = 'busy';
    this.#post = post;
    this.#answer = undefined;
    this.#client.setBody(post.body);
    this.#sentMs = performance.now();
    post.leaves();
    this.#sendNext();
  }

  /** What is under way will not be waited for. */
  abandon(): void {
    const post = this.#post;
    this.#post = undefined;
    post?.done({ kind: 'lost', timedOut: false });
  }

  /** The client has an answer, or a new connection in place of one that broke. */
  #next(): void {
    if (this.#state === 'opening') this.#open();
    else if (this.#state === 'busy') this.#finish();
  }

  #open(): void {
    if (!this.#opened) {
      this.#sendNext();
      return;
    }
    this.#client.setRequests([
      {
        method: 'POST',
        path: this.#path,
        headers: { 'content-type': 'application/json' },
        body: '',
        onResponse: (status, _body, _context, headers) => {
          this.#answer = { kind: 'answered', status, retryAfter: hasRetryAfter(headers) };
        },
      },
    ]);
    this.#state = 'idle';
    this.#free(this, true);
  }

  #finish(): void {
    const post = this.#post;
    const answer = this.#answer;
    if (answer === undefined) {
      // Half an answer may lie in the parser, and the request in the list of those that wait for one.
      this.#client.parser.initialize('RESPONSE');
      this.#client.pipelinedRequests.clear();
    }
    this.#post = undefined;
    this.#state = 'idle';
    const timedOut = performance.now() - this.#sentMs >= TIMEOUT_SECONDS * 1000;
    post?.done(answer ?? { kind: 'lost', timedOut });
    this.#free(this, false);
  }
}

function hasRetryAfter(headers: object | undefined): boolean {
  return Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'retry-after');
}
