// How does a program's own logger get a line for each event?

import { InvalidArgumentError } from '../errors.ts';
import { requireFunction, requireKnownKeys, requireObject, said } from '../keys.ts';
import type { ClaimedJob, JobId } from '../strategy.ts';
import type { Observer, QueueEvent } from './events.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** What a line is worth. */
export type LogLevel = (typeof LEVELS)[number];

/** A logger in the shape of pino's, which can be given as it is: the fields first, then the text. */
export type EventLogger = Readonly<Record<LogLevel, (fields: object, text: string) => void>>;

/** Options of `logEvents`. */
export interface LogOptions {
  /** The level of each kind of event; `silent` writes none. What is not named has its default, see `logEvents`. */
  readonly levels?: Readonly<Partial<Record<QueueEvent['kind'], LogLevel | 'silent'>>>;
  /** Whether lines of one job hold its payload, and those of progress its value; default false. */
  readonly payload?: boolean;
  /**
   * What becomes of the text of an error before it is logged: handlers may throw secrets. When it throws, the line is not
   * written, and the queue reports what it threw. Default: the text as it is.
   */
  readonly redact?: (text: string) => string;
}

/** Ids in one line: an enqueue may have thousands. */
const LISTED_IDS = 100;

const DEFAULT_LEVELS: Readonly<Record<QueueEvent['kind'], LogLevel>> = {
  enqueued: 'debug',
  claimed: 'debug',
  started: 'debug',
  progressed: 'debug',
  completed: 'debug',
  retried: 'warn',
  'dead-lettered': 'error',
  released: 'debug',
  'lease-lost': 'warn',
  reaped: 'warn',
  promoted: 'debug',
  cancelled: 'info',
  redriven: 'info',
  purged: 'info',
  paused: 'info',
  resumed: 'info',
  fired: 'debug',
};

const TEXTS: Readonly<Record<QueueEvent['kind'], string>> = {
  enqueued: 'jobs enqueued',
  claimed: 'jobs claimed',
  started: 'job started',
  progressed: 'job progressed',
  completed: 'job completed',
  retried: 'job failed and will be retried',
  'dead-lettered': 'job failed for good and is a dead letter',
  released: 'job given back',
  'lease-lost': 'lease of a job lost',
  reaped: 'leases of lost workers ended',
  promoted: 'delayed jobs are ready',
  cancelled: 'job cancelled',
  redriven: 'dead letters redriven',
  purged: 'dead letters purged',
  paused: 'queue paused',
  resumed: 'queue resumed',
  fired: 'schedule fired',
};

/** How the fields of one job's events are made. */
interface Manner {
  readonly payload: boolean;
  readonly redact: (text: string) => string;
}

function ofJob(
  { id, queue, attempt, maxAttempts, priority, payload }: Omit<ClaimedJob, 'lease'>,
  manner: Manner,
): object {
  const fields = { queue, jobId: id, attempt, maxAttempts, priority };
  return manner.payload ? { ...fields, payload } : fields;
}

function ofIds(ids: readonly JobId[]): object {
  return { jobs: ids.length, jobIds: ids.length > LISTED_IDS ? ids.slice(0, LISTED_IDS) : ids };
}

/** All that the line says beside the kind. */
function fieldsOf(event: QueueEvent, manner: Manner): object {
  switch (event.kind) {
    case 'enqueued': {
      const { queue, ids, inTransaction, enqueueMs } = event;
      return { queue, ...ofIds(ids), inTransaction, enqueueMs };
    }
    case 'claimed':
      return { queue: event.jobs[0]?.queue, ...ofIds(event.jobs.map((job) => job.id)) };
    case 'progressed':
      return { ...ofJob(event.job, manner), ...(manner.payload ? { value: event.value } : {}) };
    case 'completed':
      return { ...ofJob(event.job, manner), serviceMs: event.serviceMs };
    case 'retried': {
      const { job, error, delayMs, serviceMs } = event;
      return { ...ofJob(job, manner), serviceMs, delayMs, error: manner.redact(error) };
    }
    case 'dead-lettered': {
      const { job, error, serviceMs } = event;
      const took = serviceMs === undefined ? {} : { serviceMs };
      return { ...ofJob(job, manner), ...took, error: manner.redact(error) };
    }
    case 'released':
      return { ...ofJob(event.job, manner), delayMs: event.delayMs };
    case 'started':
    case 'lease-lost':
      return ofJob(event.job, manner);
    case 'cancelled':
      return { queue: event.queue, jobId: event.id, running: event.running };
    case 'redriven':
      return ofIds(event.ids);
    case 'purged':
    case 'reaped':
    case 'promoted':
      return { jobs: event.count };
    case 'paused':
    case 'resumed':
      return { queue: event.queue };
    case 'fired':
      return { schedule: event.schedule, jobId: event.id, dueAtMs: event.dueAtMs };
  }
}

/**
 * An observer that writes one line per event to `logger`. The fields, where the event has them: `event` (its kind), `queue`,
 * `jobId`, `attempt`, `maxAttempts`, `priority`; `jobs` (how many) and `jobIds` (the first 100 at most) where it is about
 * several; `error`, `serviceMs`, `delayMs`, `enqueueMs`, `dueAtMs` (since the Unix epoch), `inTransaction`,
 * `running`, `schedule`. Names that are there stay. Payloads are not logged unless asked for.
 *
 * Levels by default: `dead-lettered` error; `retried`, `lease-lost` and `reaped` warn; what people do (`cancelled`, `redriven`, `purged`,
 * `paused`, `resumed`) info; all else debug. A busy worker that logs nothing below info is best spared the making of the
 * lines, by `silent` for `enqueued`, `claimed`, `started` and `completed`.
 *
 * Throws InvalidArgumentError for a logger without one of the four methods, or options that there are not.
 */
export function logEvents(logger: EventLogger, options: LogOptions = {}): Observer {
  requireObject('logger', logger);
  for (const level of LEVELS)
    if (typeof logger[level] !== 'function')
      throw new InvalidArgumentError(
        `logger.${level} is ${said(logger[level])}: give a function (fields, text)`,
      );
  const levels = { ...DEFAULT_LEVELS, ...checked(options) };
  const manner: Manner = { payload: options.payload ?? false, redact: options.redact ?? ((text) => text) };
  return (event) => {
    const level = levels[event.kind];
    if (level !== 'silent')
      logger[level]({ event: event.kind, ...fieldsOf(event, manner) }, TEXTS[event.kind]);
  };
}

/** The levels that were given. */
function checked(options: LogOptions): NonNullable<LogOptions['levels']> {
  requireKnownKeys('a log', options, ['levels', 'payload', 'redact']);
  const { levels = {}, payload = false } = options;
  if (typeof payload !== 'boolean')
    throw new InvalidArgumentError(`payload is ${said(payload)}: give true or false`);
  requireFunction('redact', options.redact);
  requireObject('levels', levels);
  requireKnownKeys('levels', levels, Object.keys(DEFAULT_LEVELS));
  for (const [kind, level] of Object.entries(levels))
    if (level !== 'silent' && !LEVELS.includes(level))
      throw new InvalidArgumentError(
        `levels.${kind} is ${said(level)}: give one of ${LEVELS.join(', ')}, silent`,
      );
  return levels;
}
