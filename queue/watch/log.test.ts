// Does each event become one line, with the fields and the level that its reader expects?

import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import pino from 'pino';
import {
  type ClaimedJob,
  type EventLogger,
  InvalidArgumentError,
  type LogOptions,
  logEvents,
  type QueueEvent,
} from '../index.ts';

const SECRET = 'a payload of which nobody may read';

const JOB: ClaimedJob = {
  id: '7',
  queue: 'mail',
  payload: { text: SECRET },
  priority: 1,
  attempt: 2,
  maxAttempts: 5,
  lease: { fencingToken: '1', expiresAtMs: 0 },
};

const JOB_FIELDS = { queue: 'mail', jobId: '7', attempt: 2, maxAttempts: 5, priority: 1 };

/** Every kind, with the line that it makes: level and fields. */
const LINES: readonly (readonly [QueueEvent, string, object])[] = [
  [
    { kind: 'enqueued', queue: 'mail', ids: ['1', '2'], inTransaction: true, enqueueMs: 2 },
    'debug',
    { queue: 'mail', jobs: 2, jobIds: ['1', '2'], inTransaction: true, enqueueMs: 2 },
  ],
  [{ kind: 'claimed', jobs: [JOB] }, 'debug', { queue: 'mail', jobs: 1, jobIds: ['7'] }],
  [{ kind: 'started', job: JOB }, 'debug', JOB_FIELDS],
  [{ kind: 'progressed', job: JOB, value: SECRET }, 'debug', JOB_FIELDS],
  [{ kind: 'completed', job: JOB, serviceMs: 3 }, 'debug', { ...JOB_FIELDS, serviceMs: 3 }],
  [
    { kind: 'retried', job: JOB, error: 'oh', delayMs: 9, serviceMs: 3 },
    'warn',
    { ...JOB_FIELDS, error: 'oh', delayMs: 9, serviceMs: 3 },
  ],
  [
    { kind: 'dead-lettered', job: JOB, error: 'oh', serviceMs: 3 },
    'error',
    { ...JOB_FIELDS, error: 'oh', serviceMs: 3 },
  ],
  [{ kind: 'released', job: JOB, delayMs: 0 }, 'debug', { ...JOB_FIELDS, delayMs: 0 }],
  [{ kind: 'lease-lost', job: JOB }, 'warn', JOB_FIELDS],
  [
    { kind: 'cancelled', id: '7', queue: 'mail', running: true },
    'info',
    { queue: 'mail', jobId: '7', running: true },
  ],
  [{ kind: 'redriven', ids: ['7'] }, 'info', { jobs: 1, jobIds: ['7'] }],
  [{ kind: 'purged', count: 4 }, 'info', { jobs: 4 }],
  [{ kind: 'paused', queue: 'mail' }, 'info', { queue: 'mail' }],
  [{ kind: 'resumed', queue: 'mail' }, 'info', { queue: 'mail' }],
  [
    { kind: 'fired', schedule: 'nightly', id: '7', dueAtMs: 5 },
    'debug',
    { schedule: 'nightly', jobId: '7', dueAtMs: 5 },
  ],
];

/** The lines of `events` as pino writes them, without what it adds. */
function linesOf(events: readonly QueueEvent[], options?: LogOptions): readonly Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const logger = pino(
    { level: 'debug', base: null, timestamp: false, formatters: { level: (level) => ({ level }) } },
    sink,
  );
  const observe = logEvents(logger, options);
  for (const event of events) observe(event);
  return lines;
}

for (const [event, level, fields] of LINES)
  test(`${event.kind} is one line`, () => {
    const [line, ...more] = linesOf([event]);
    assert.deepEqual(more, []);
    const { msg, ...rest } = line ?? {};
    assert.deepEqual(rest, { level, event: event.kind, ...fields });
    assert.equal(typeof msg, 'string');
  });

test('payloads and values are there only when asked for', () => {
  const events = LINES.map(([event]) => event);
  assert(!JSON.stringify(linesOf(events)).includes(SECRET));
  const [line] = linesOf([{ kind: 'started', job: JOB }], { payload: true });
  assert.deepEqual(line?.['payload'], JOB.payload);
  const [progress] = linesOf([{ kind: 'progressed', job: JOB, value: 0.5 }], { payload: true });
  assert.equal(progress?.['value'], 0.5);
});

test('errors pass through redact, and through nothing when it throws', () => {
  const failed: QueueEvent = { kind: 'retried', job: JOB, error: 'password=x', delayMs: 0, serviceMs: 0 };
  const dead: QueueEvent = { kind: 'dead-lettered', job: JOB, error: 'password=x', serviceMs: 0 };
  const redacted = linesOf([failed, dead], { redact: (text) => text.replace(/=.*/, '=…') });
  assert.deepEqual(
    redacted.map((line) => line['error']),
    ['password=…', 'password=…'],
  );
  const redact = () => {
    throw new Error('cannot redact');
  };
  assert.throws(() => linesOf([failed], { redact }), /cannot redact/);
});

test('levels can be chosen, and silence', () => {
  const events = LINES.map(([event]) => event);
  const lines = linesOf(events, { levels: { completed: 'info', claimed: 'silent' } });
  assert.equal(lines.length, events.length - 1);
  assert.equal(lines.find((line) => line['event'] === 'completed')?.['level'], 'info');
  assert.equal(lines.find((line) => line['event'] === 'retried')?.['level'], 'warn');
});

test('a line about thousands of jobs lists a hundred', () => {
  const ids = Array.from({ length: 5000 }, (_, n) => String(n));
  const [line] = linesOf([{ kind: 'enqueued', queue: 'q', ids, inTransaction: false, enqueueMs: 1 }]);
  assert.equal(line?.['jobs'], 5000);
  assert.deepEqual(line?.['jobIds'], ids.slice(0, 100));
});

test('what is no logger, no level or no option is refused', () => {
  const logger: EventLogger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  const { warn: _warn, ...incomplete } = logger;
  // @ts-expect-error -- a method is missing
  assert.throws(() => logEvents(incomplete), /logger\.warn is undefined: give a function/);
  // @ts-expect-error -- no level
  assert.throws(() => logEvents(logger, { levels: { completed: 'trace' } }), InvalidArgumentError);
  // @ts-expect-error -- no kind
  assert.throws(() => logEvents(logger, { levels: { complete: 'info' } }), /levels has no option complete/);
  // @ts-expect-error -- misspelt
  assert.throws(() => logEvents(logger, { payloads: true }), /a log has no option payloads/);
  // @ts-expect-error -- no function
  assert.throws(() => logEvents(logger, { redact: 'x' }), InvalidArgumentError);
});
