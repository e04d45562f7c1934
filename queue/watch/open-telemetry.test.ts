// Do the SDK's exporters get the spans and figures that a queue's events stand for?

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { after, before, test } from 'node:test';
import {
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import {
  ATTR_ERROR_TYPE,
  ATTR_MESSAGING_BATCH_MESSAGE_COUNT,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_MESSAGE_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM_NAME,
  MESSAGING_OPERATION_TYPE_VALUE_PROCESS,
  MESSAGING_OPERATION_TYPE_VALUE_SEND,
  METRIC_MESSAGING_CLIENT_CONSUMED_MESSAGES,
  METRIC_MESSAGING_CLIENT_OPERATION_DURATION,
  METRIC_MESSAGING_CLIENT_SENT_MESSAGES,
  METRIC_MESSAGING_PROCESS_DURATION,
} from '@opentelemetry/semantic-conventions/incubating';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import {
  type ClaimedJob,
  createQueue,
  createWorker,
  type Driver,
  pgDriver,
  type QueueEvent,
} from '../index.ts';
import { type OpenTelemetryOptions, openTelemetry } from './open-telemetry.ts';

let database: TestDatabase;
let driver: Driver;

/** As small as a context manager can be: that of the SDK for Node does the same. */
class AsyncContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    work: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(active, () => work.apply(self, args));
  }
  bind<T>(_context: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

before(async () => {
  context.setGlobalContextManager(new AsyncContexts());
  database = await testDatabase();
  driver = pgDriver(database.settings);
});

after(async () => {
  context.disable();
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

function open(options: OpenTelemetryOptions = {}) {
  const exporter = new InMemorySpanExporter();
  const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer(
    'test',
  );
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 10_000,
  });
  const provider = new MeterProvider({ readers: [reader] });
  return {
    tracer,
    telemetry: openTelemetry({ tracer, meter: provider.getMeter('test'), ...options }),
    spans: () => exporter.getFinishedSpans(),
    /** Figures by instrument: the sum of each set of attributes, or of a histogram its count and sum. */
    async figures(): Promise<ReadonlyMap<string, readonly (readonly [unknown, unknown])[]>> {
      metricExporter.reset();
      await provider.forceFlush();
      const metrics = metricExporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
      return new Map(
        metrics.map((metric) => [
          metric.descriptor.name,
          metric.dataPointType === DataPointType.HISTOGRAM
            ? metric.dataPoints.map(
                (point) => [point.attributes, [point.value.count, point.value.sum]] as const,
              )
            : metric.dataPoints.map((point) => [point.attributes, point.value] as const),
        ]),
      );
    },
    [Symbol.asyncDispose]: () => provider.shutdown(),
  };
}

function job(id: string, more: Partial<ClaimedJob> = {}): ClaimedJob {
  return {
    id,
    queue: 'mail',
    payload: { secret: 'never in a span' },
    priority: 1,
    attempt: 2,
    maxAttempts: 5,
    lease: { fencingToken: '1', expiresAtMs: 0 },
    ...more,
  };
}

const ON_MAIL = { [ATTR_MESSAGING_SYSTEM_NAME]: 'claimbench', [ATTR_MESSAGING_DESTINATION_NAME]: 'mail' };
const SEND = {
  ...ON_MAIL,
  [ATTR_MESSAGING_OPERATION_NAME]: 'enqueue',
  [ATTR_MESSAGING_OPERATION_TYPE]: MESSAGING_OPERATION_TYPE_VALUE_SEND,
};
const PROCESS = {
  ...ON_MAIL,
  [ATTR_MESSAGING_OPERATION_NAME]: 'process',
  [ATTR_MESSAGING_OPERATION_TYPE]: MESSAGING_OPERATION_TYPE_VALUE_PROCESS,
};

const durationMs = ({ duration: [seconds, nanoseconds] }: { readonly duration: readonly [number, number] }) =>
  seconds * 1000 + nanoseconds / 1e6;

test('an enqueue is a span of its caller, as long as it took', async () => {
  await using otel = open();
  const { observe } = otel.telemetry;
  otel.tracer.startActiveSpan('request', (request) => {
    observe({ kind: 'enqueued', queue: 'mail', ids: ['7'], inTransaction: false, enqueueMs: 250 });
    request.end();
  });
  observe({ kind: 'enqueued', queue: 'mail', ids: ['8', '9'], inTransaction: true, enqueueMs: 50 });
  const [one, request, many] = otel.spans();
  assert.equal(one?.name, 'enqueue mail');
  assert.equal(one.kind, SpanKind.PRODUCER);
  assert.equal(one.parentSpanContext?.spanId, request?.spanContext().spanId);
  assert(Math.abs(durationMs(one) - 250) < 1);
  assert.deepEqual(one.attributes, { ...SEND, [ATTR_MESSAGING_MESSAGE_ID]: '7' });
  assert.deepEqual(many?.attributes, { ...SEND, [ATTR_MESSAGING_BATCH_MESSAGE_COUNT]: 2 });
  const figures = await otel.figures();
  assert.deepEqual(figures.get(METRIC_MESSAGING_CLIENT_SENT_MESSAGES), [[SEND, 3]]);
  assert.deepEqual(figures.get(METRIC_MESSAGING_CLIENT_OPERATION_DURATION), [[SEND, [2, 0.3]]]);
});

/** What ends a job, and how its span says so. */
const ENDINGS: readonly (readonly [(job: ClaimedJob) => QueueEvent, string, boolean])[] = [
  [(ended) => ({ kind: 'completed', job: ended, serviceMs: 20 }), 'completed', false],
  [(ended) => ({ kind: 'retried', job: ended, error: 'oh', delayMs: 1, serviceMs: 20 }), 'retried', true],
  [(ended) => ({ kind: 'dead-lettered', job: ended, error: 'oh', serviceMs: 20 }), 'dead-lettered', true],
  [(ended) => ({ kind: 'released', job: ended, delayMs: 0 }), 'released', false],
  [(ended) => ({ kind: 'lease-lost', job: ended }), 'lease-lost', true],
  [(ended) => ({ kind: 'cancelled', id: ended.id, queue: ended.queue, running: true }), 'cancelled', false],
];

for (const [ending, outcome, failed] of ENDINGS)
  test(`a job that is ${outcome} is one span, from its start to that`, async () => {
    await using otel = open({ redact: (text) => `${text}…` });
    const { observe } = otel.telemetry;
    const running = job('7');
    otel.tracer.startActiveSpan('whoever made the worker', () => observe({ kind: 'started', job: running }));
    observe({ kind: 'started', job: job('8') });
    assert.deepEqual(otel.spans(), []);
    observe(ending(running));
    const [span, ...more] = otel.spans();
    assert.deepEqual(more, []);
    assert.equal(span?.name, 'process mail');
    assert.equal(span.kind, SpanKind.CONSUMER);
    assert.equal(span.parentSpanContext, undefined);
    assert.deepEqual(span.attributes, {
      ...PROCESS,
      [ATTR_MESSAGING_MESSAGE_ID]: '7',
      'claimbench.job.attempt': 2,
      'claimbench.job.max_attempts': 5,
      'claimbench.job.priority': 1,
      'claimbench.job.outcome': outcome,
      ...(failed ? { [ATTR_ERROR_TYPE]: outcome } : {}),
    });
    assert.equal(span.status.code, failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
    if (failed && outcome !== 'lease-lost') assert.equal(span.status.message, 'oh…');
    const figures = await otel.figures();
    assert.deepEqual(figures.get('claimbench.job.running'), [[PROCESS, 1]], 'the other one');
    assert.deepEqual(figures.get('claimbench.job.outcomes'), [
      [{ ...PROCESS, 'claimbench.job.outcome': outcome }, 1],
    ]);
    assert.deepEqual(figures.get(METRIC_MESSAGING_CLIENT_CONSUMED_MESSAGES), [[PROCESS, 2]]);
    const service = [[{ ...PROCESS, ...(failed ? { [ATTR_ERROR_TYPE]: outcome } : {}) }, [1, 0.02]]];
    const timed = ['completed', 'retried', 'dead-lettered'].includes(outcome);
    assert.deepEqual(figures.get(METRIC_MESSAGING_PROCESS_DURATION), timed ? service : undefined);
  });

test('the same job under a lost lease and under the next one is two spans', async () => {
  await using otel = open();
  const { observe } = otel.telemetry;
  const [lost, held] = [job('7'), job('7', { attempt: 3 })];
  observe({ kind: 'started', job: lost });
  observe({ kind: 'started', job: held });
  observe({ kind: 'lease-lost', job: lost });
  observe({ kind: 'completed', job: held, serviceMs: 1 });
  assert.deepEqual(
    otel
      .spans()
      .map(({ attributes }) => [attributes['claimbench.job.attempt'], attributes['claimbench.job.outcome']]),
    [
      [2, 'lease-lost'],
      [3, 'completed'],
    ],
  );
});

test('disposing ends what is still open', async () => {
  await using otel = open();
  otel.telemetry.observe({ kind: 'started', job: job('7') });
  otel.telemetry[Symbol.dispose]();
  assert.deepEqual(
    otel.spans().map(({ attributes }) => attributes['claimbench.job.outcome']),
    ['abandoned'],
  );
  assert.deepEqual((await otel.figures()).get('claimbench.job.running'), [[PROCESS, 0]]);
});

test('with a queue and a worker at work, spans that a handler starts are children of its job', async () => {
  await using otel = open();
  const { telemetry, tracer } = otel;
  await using queue = createQueue({ driver, observe: telemetry.observe });
  await queue.install();
  const handler = telemetry.traced(async (done) => {
    await new Promise(setImmediate);
    tracer.startSpan(`child of ${done.id}`).end();
  });
  await using worker = createWorker(queue, {
    queue: 'mail',
    concurrency: 4,
    handler,
  });
  const ids = await queue.enqueueMany([1, 2, 3].map((payload) => ({ queue: 'mail', payload })));
  await eventually(
    () => otel.spans().filter(({ name }) => name === 'process mail').length === 3,
    'three jobs',
  );
  await worker.stop();
  const spans = otel.spans();
  const enqueue = spans.find(({ name }) => name === 'enqueue mail');
  assert(enqueue !== undefined);
  assert.equal(enqueue.attributes[ATTR_MESSAGING_BATCH_MESSAGE_COUNT], 3);
  const [calls] = (await otel.figures()).get(METRIC_MESSAGING_CLIENT_OPERATION_DURATION) ?? [];
  const [calledOnce, seconds] = (calls?.[1] ?? []) as readonly number[];
  assert.equal(calledOnce, 1);
  assert(Math.abs(durationMs(enqueue) / 1000 - Number(seconds)) < 2e-3);
  for (const id of ids) {
    const parent = spans.find(
      ({ name, attributes }) => name === 'process mail' && attributes[ATTR_MESSAGING_MESSAGE_ID] === id,
    );
    const child = spans.find(({ name }) => name === `child of ${id}`);
    assert(parent !== undefined && child !== undefined);
    assert.equal(child.parentSpanContext?.spanId, parent.spanContext().spanId);
  }
  assert(!JSON.stringify(spans.map(({ attributes, events }) => [attributes, events])).includes('secret'));
});

test('without a provider nothing happens, and an option that there is not is refused', () => {
  const { observe, traced } = openTelemetry();
  observe({ kind: 'started', job: job('7') });
  observe({ kind: 'purged', count: 1 });
  assert.equal(typeof traced, 'function');
  assert.equal(trace.getActiveSpan(), undefined);
  // @ts-expect-error -- misspelt
  assert.throws(() => openTelemetry({ tracers: undefined }), /openTelemetry has no option tracers/);
});
