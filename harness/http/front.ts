// What does an application's HTTP front over the queue look like? POST a job, GET its state, 429 when there are too many.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { InvalidArgumentError, PayloadTooLargeError, UnsupportedError } from '../../queue/index.ts';
import type { FrontQueue } from '../contender.ts';
import { Backlog, type BacklogReport } from './backlog.ts';

export interface FrontOptions {
  /** Not disposed by the front. */
  readonly queue: FrontQueue;
  /** From so many waiting or running jobs on, a job is answered 429. */
  readonly backlogLimit: number;
  /** What a job that was turned away is told to wait, whole seconds. */
  readonly retryAfterSeconds: number;
  /** 0 for any that is free. */
  readonly port?: number;
  /** Hears of what was answered 500, and of readings that failed. */
  readonly onError: (error: unknown) => void;
}

/** What a front has answered, by status, and what knowing the backlog has cost. */
export interface FrontReport {
  readonly statuses: Readonly<Record<string, number>>;
  readonly backlog: BacklogReport;
}

/** A front that listens on 127.0.0.1. */
export interface Front {
  readonly port: number;
  /** Takes no new request, answers those under way, closes; what is left after the deadline is cut. */
  stop(deadlineMs: number): Promise<void>;
  report(): FrontReport;
}

/** A payload of the queue's own limit, and the words around it. */
const BODY_BYTES_MAX = 1_100_000;
/** Longer than any client keeps an idle connection, so that none is closed under a request that is on its way. */
const KEEP_ALIVE_MS = 120_000;
const REQUEST_WITHIN_MS = 30_000;
const JOBS = '/jobs';

const jobSchema = z.strictObject({
  payload: z.json(),
  priority: z.int().optional(),
  /** Unix time, ms. */
  runAtMs: z.number().optional(),
});

type Headers = Readonly<Record<string, string | number>>;

/** What a request is answered. */
interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Headers;
}

class BodyTooLarge extends Error {}

/** Listens when it resolves; the backlog was read once by then. */
export async function openFront(options: FrontOptions): Promise<Front> {
  const backlog = await Backlog.open({
    read: () => options.queue.backlog(),
    limit: options.backlogLimit,
    onError: options.onError,
  });
  const front = new QueueFront(options, backlog);
  await front.listen(options.port ?? 0);
  return front;
}

class QueueFront implements Front {
  readonly #options: FrontOptions;
  readonly #backlog: Backlog;
  readonly #server: Server;
  readonly #statuses: Record<string, number> = {};
  #stopping = false;

  constructor(options: FrontOptions, backlog: Backlog) {
    this.#options = options;
    this.#backlog = backlog;
    this.#server = createServer(
      { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: REQUEST_WITHIN_MS },
      (request, response) => {
        this.#serve(request, response).catch(options.onError);
      },
    );
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the front does not listen');
    return address.port;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const cut = setTimeout(() => this.#server.closeAllConnections(), deadlineMs);
    await closed;
    clearTimeout(cut);
    await this.#backlog[Symbol.asyncDispose]();
  }

  report(): FrontReport {
    return { statuses: { ...this.#statuses }, backlog: this.#backlog.report() };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body, headers } = await this.#answer(request).catch((error: unknown) =>
      answerTo(error, this.#options.onError),
    );
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    const text = Buffer.from(JSON.stringify(body));
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': text.length,
      ...headers,
      ...(this.#stopping ? { Connection: 'close' } : {}),
    });
    response.end(text);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { method = '' } = request;
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (path === JOBS) return method === 'POST' ? this.#post(request) : notAllowed('POST');
    if (path === '/health') return method === 'GET' ? this.#health() : notAllowed('GET');
    if (path.startsWith(`${JOBS}/`))
      return method === 'GET' ? this.#look(path.slice(JOBS.length + 1)) : notAllowed('GET');
    return failed(404, `there is no ${path}: POST ${JOBS}, GET ${JOBS}/ID or GET /health`);
  }

  async #post(request: IncomingMessage): Promise<Answer> {
    // Before the body is read, since turning away must stay cheap. What the request still sends is thrown away.
    if (this.#stopping) return failed(503, 'the front is about to stop');
    if (!this.#backlog.admit()) {
      const { backlogLimit, retryAfterSeconds } = this.#options;
      const answer = failed(429, `${backlogLimit} jobs wait already: come again in ${retryAfterSeconds} s`);
      return { ...answer, headers: { 'Retry-After': retryAfterSeconds } };
    }
    try {
      const parsed = jobSchema.safeParse(parseJson(await readBody(request)));
      if (!parsed.success) return failed(400, firstIssue(parsed.error));
      const { payload, priority, runAtMs } = parsed.data;
      const id = await this.#options.queue.enqueue({
        payload,
        ...(priority === undefined ? {} : { priority }),
        ...(runAtMs === undefined ? {} : { runAtMs }),
      });
      return { status: 201, body: { id }, headers: { Location: `${JOBS}/${id}` } };
    } finally {
      this.#backlog.answered();
    }
  }

  async #look(id: string): Promise<Answer> {
    const { queue } = this.#options;
    if (queue.inspect === undefined)
      return failed(501, 'this queue cannot look single jobs up: choose a strategy with inspection');
    // What is no id names no job.
    const found = await queue.inspect(id).catch((error: unknown) => {
      if (error instanceof InvalidArgumentError) return undefined;
      throw error;
    });
    if (found === undefined) return failed(404, 'there is no such job: it is done, or never was');
    return { status: 200, body: { id, ...found } };
  }

  #health(): Answer {
    const body = { backlog: this.#backlog.estimate, backlogLimit: this.#options.backlogLimit };
    return this.#stopping
      ? { status: 503, body: { status: 'stopping', ...body } }
      : { status: 200, body: { status: 'ok', ...body } };
  }
}

function failed(status: number, error: string): Answer {
  return { status, body: { error } };
}

function notAllowed(allowed: string): Answer {
  return { ...failed(405, `only ${allowed} is answered here`), headers: { Allow: allowed } };
}

/** The sender's mistakes are told to the sender; ours are not, since they may name what is inside. */
function answerTo(error: unknown, onError: (error: unknown) => void): Answer {
  if (error instanceof BodyTooLarge || error instanceof PayloadTooLargeError)
    return failed(413, error.message);
  if (error instanceof SyntaxError) return failed(400, 'the body is no JSON');
  if (error instanceof InvalidArgumentError || error instanceof UnsupportedError)
    return failed(400, error.message);
  onError(error);
  return failed(500, 'the queue could not be reached or refused the job');
}

/** What is too large is read to its end all the same and thrown away: who is cut off in mid-sentence hears no answer. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(part);
    else chunks.length = 0;
  }
  if (bytes > BODY_BYTES_MAX) throw new BodyTooLarge(`the body is larger than ${BODY_BYTES_MAX} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  return JSON.parse(text);
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  const where = issue?.path.join('.') ?? '';
  return `${where === '' ? 'the body' : where}: ${issue?.message ?? 'is not what was expected'}`;
}
