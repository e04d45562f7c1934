// How does a queue appear in OpenTelemetry's traces and metrics?
//
// Imported by its path and by nothing in queue/, so that nobody needs `@opentelemetry/api` who does not use it. Names are those
// of the semantic conventions for messaging, version 1.45 (status: development); what they have no name for begins with
// `claimbench.`. https://opentelemetry.io/docs/specs/semconv/messaging/

import {
  type Attributes,
  type Context,
  type ContextAPI,
  context as globalContext,
  metrics as globalMetrics,
  trace as globalTrace,
  type Meter,
  type MetricsAPI,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TraceAPI,
  type Tracer,
} from '@opentelemetry/api';
import { requireFunction, requireKnownKeys, requireObject } from '../keys.ts';
import type { ClaimedJob } from '../strategy.ts';
import type { Handler } from '../worker/options.ts';
import type { Observer, QueueEvent } from './events.ts';
import { instrumentsOf } from './instruments.ts';

/** Options of `openTelemetry`. */
export interface OpenTelemetryOptions {
  /** Makes the spans; default the tracer `claimbench` of the registered provider, which makes none where none is registered. */
  readonly tracer?: Tracer;
  /** Makes the instruments; default the meter `claimbench` of the registered provider. */
  readonly meter?: Meter;
  /** The API that the program uses, where that is another copy of the package; default the one that is found from here. */
  readonly api?: { readonly trace: TraceAPI; readonly metrics: MetricsAPI; readonly context: ContextAPI };
  /** What becomes of the text of an error before it is the status of a span; default the text as it is. */
  readonly redact?: (text: string) => string;
}

/** A queue's link to OpenTelemetry. Disposing ends the spans of jobs that are still running. */
export interface QueueTelemetry extends Disposable {
  /** To be given to `createQueue`. One may serve several queues. */
  readonly observe: Observer;
  /**
   * The same handler, run with its job's span as the active one: spans that it starts are children of that. Needs a context
   * manager to be registered, as every SDK for Node does.
   */
  readonly traced: (handler: Handler) => Handler;
}

/** Value of `messaging.system.name`. */
const SYSTEM = 'claimbench';

const ENQUEUE = { 'messaging.operation.name': 'enqueue', 'messaging.operation.type': 'send' } as const;
const PROCESS = { 'messaging.operation.name': 'process', 'messaging.operation.type': 'process' } as const;

type Operation = typeof ENQUEUE | typeof PROCESS;

/** How a job that was started can end, or be taken away. */
type Ending = Extract<
  QueueEvent,
  { readonly kind: 'completed' | 'retried' | 'dead-lettered' | 'released' | 'lease-lost' }
>;

function on(queue: string, operation: Operation): Attributes {
  return { 'messaging.system.name': SYSTEM, 'messaging.destination.name': queue, ...operation };
}

class Telemetry implements QueueTelemetry {
  readonly #tracer: Tracer;
  readonly #instruments;
  readonly #trace: TraceAPI;
  readonly #context: ContextAPI;
  readonly #redact: (text: string) => string;
  /** By the job's object: the same id may be at work twice, under a lost lease and under the next one. */
  readonly #running = new Map<Omit<ClaimedJob, 'lease'>, Span>();

  constructor({ tracer, meter, api, redact }: OpenTelemetryOptions) {
    const { trace = globalTrace, metrics = globalMetrics, context = globalContext } = api ?? {};
    this.#trace = trace;
    this.#context = context;
    this.#tracer = tracer ?? trace.getTracer('claimbench');
    this.#instruments = instrumentsOf(meter ?? metrics.getMeter('claimbench'));
    this.#redact = redact ?? ((text) => text);
  }

  readonly observe: Observer = (event) => {
    switch (event.kind) {
      case 'enqueued':
        return this.#enqueued(event);
      case 'started':
        return this.#started(event);
      case 'completed':
      case 'retried':
      case 'dead-lettered':
      case 'released':
      case 'lease-lost':
        return this.#ended(event);
      case 'cancelled':
        return this.#cancelled(event);
      default:
        return undefined;
    }
  };

  /** The span lies in the context of the enqueue's caller. The event comes when all is over, so the start is reckoned back. */
  #enqueued({ queue, ids, enqueueMs }: Extract<QueueEvent, { readonly kind: 'enqueued' }>): void {
    const attributes = on(queue, ENQUEUE);
    const [only] = ids;
    const endMs = Date.now();
    const span = this.#tracer.startSpan(`enqueue ${queue}`, {
      kind: SpanKind.PRODUCER,
      attributes: {
        ...attributes,
        ...(ids.length === 1 && only !== undefined
          ? { 'messaging.message.id': only }
          : { 'messaging.batch.message_count': ids.length }),
      },
      startTime: endMs - enqueueMs,
    });
    span.end(endMs);
    this.#instruments.sent.add(ids.length, attributes);
    this.#instruments.operation.record(enqueueMs / 1000, attributes);
  }

  #started({ job }: Extract<QueueEvent, { readonly kind: 'started' }>): void {
    if (this.#running.has(job)) return;
    const attributes = on(job.queue, PROCESS);
    const span = this.#tracer.startSpan(`process ${job.queue}`, {
      kind: SpanKind.CONSUMER,
      // Whatever context the worker was created in is none of the job's.
      root: true,
      attributes: {
        ...attributes,
        'messaging.message.id': job.id,
        'claimbench.job.attempt': job.attempt,
        'claimbench.job.max_attempts': job.maxAttempts,
        'claimbench.job.priority': job.priority,
      },
    });
    this.#running.set(job, span);
    this.#instruments.running.add(1, attributes);
    this.#instruments.consumed.add(1, attributes);
  }

  #ended(event: Ending): void {
    const { job, kind } = event;
    const failed = kind === 'retried' || kind === 'dead-lettered' || kind === 'lease-lost';
    const error = 'error' in event ? this.#redact(event.error) : undefined;
    if ('serviceMs' in event && event.serviceMs !== undefined)
      this.#instruments.process.record(event.serviceMs / 1000, {
        ...on(job.queue, PROCESS),
        ...(failed ? { 'error.type': kind } : {}),
      });
    this.#instruments.outcomes.add(1, {
      ...on(job.queue, PROCESS),
      'claimbench.job.outcome': kind,
    });
    const span = this.#running.get(job);
    if (span === undefined) return;
    if (failed) {
      span.setAttribute('error.type', kind);
      span.setStatus({ code: SpanStatusCode.ERROR, ...(error === undefined ? {} : { message: error }) });
    }
    this.#close(job, span, kind);
  }

  /** The event has no job, only its id. Few jobs run at once, and few are cancelled. */
  #cancelled({ id, queue }: Extract<QueueEvent, { readonly kind: 'cancelled' }>): void {
    this.#instruments.outcomes.add(1, {
      ...on(queue, PROCESS),
      'claimbench.job.outcome': 'cancelled',
    });
    for (const [job, span] of this.#running)
      if (job.id === id && job.queue === queue) this.#close(job, span, 'cancelled');
  }

  #close(job: Omit<ClaimedJob, 'lease'>, span: Span, outcome: string): void {
    span.setAttribute('claimbench.job.outcome', outcome);
    span.end();
    this.#running.delete(job);
    this.#instruments.running.add(-1, on(job.queue, PROCESS));
  }

  readonly traced = (handler: Handler): Handler => {
    return (job, held) => {
      const span = this.#running.get(job);
      if (span === undefined) return handler(job, held);
      const inSpan: Context = this.#trace.setSpan(this.#context.active(), span);
      return this.#context.with(inSpan, () => handler(job, held));
    };
  };

  [Symbol.dispose](): void {
    for (const [job, span] of this.#running) this.#close(job, span, 'abandoned');
  }
}

/**
 * Spans and metrics of a queue and its workers, out of their events.
 *
 * Spans: `enqueue <queue>` (PRODUCER), a child of what is active where `enqueue` was called; `process <queue>` (CONSUMER), from
 * the start of a job's handler to its outcome being in the database, a root. No link leads from one to the other: the
 * context would have to travel with the job, and so in its payload, which is the application's.
 *
 * Metrics: counters `messaging.client.sent.messages`, `messaging.client.consumed.messages`, and `claimbench.job.outcomes` by
 * `claimbench.job.outcome` (`completed`, `retried`, `dead-lettered`, `released`, `lease-lost`, `cancelled`); histograms in
 * seconds `messaging.process.duration` (service: the handler alone) and `messaging.client.operation.duration` (enqueues);
 * up-down counter `claimbench.job.running`.
 *
 * `error.type` is `retried`, `dead-lettered` or `lease-lost`. Throws InvalidArgumentError for an option that there is not.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): QueueTelemetry {
  requireObject('the options of openTelemetry', options);
  requireKnownKeys('openTelemetry', options, ['tracer', 'meter', 'api', 'redact']);
  requireFunction('redact', options.redact);
  return new Telemetry(options);
}
