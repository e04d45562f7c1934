// How does a producer agent enqueue its part of the load?

import { randomStream } from '../../stats/random.ts';
import type { Producer } from '../contender.ts';
import { type EnqueueOutcome, PostError } from '../http/outcome.ts';
import { type LedgerWriter, RECORD } from '../measure/ledger-writer.ts';
import type { AgentCounters } from '../measure/recorder.ts';
import type { Alarm } from './alarm.ts';
import { arrivals } from './arrivals.ts';
import { runClients } from './clients.ts';
import { nowUs } from './clock.ts';
import type { Delays, Eligibility } from './delays.ts';
import { type Due, pace } from './pacer.ts';
import type { LateCommit, ProducerClients, ProducerRole, ProducerSchedule } from './protocol.ts';
import type { OwnShape, Workload } from './workload.ts';

/** Enqueues that may be under way at once; a job that is due beyond them is skipped, and counted as such. */
const OUTSTANDING_LIMIT = 20_000;

export interface Producing {
  readonly role: ProducerRole;
  readonly producer: Producer;
  readonly workload: Workload;
  readonly delays: Delays;
  readonly ledger: LedgerWriter;
  readonly counters: AgentCounters;
  readonly startUs: number;
  readonly alarm: Alarm;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** Told of each confirmed enqueue, from sent to confirmed in µs, once the ledger holds it. */
  readonly onEnqueued?: (latencyUs: number) => void;
}

/**
 * Sends every job at its instant; resolves when all answers are in.
 * @throws Error when a job is to commit late and cannot, or none was due.
 */
export async function produce(options: Producing): Promise<void> {
  const { load, lateCommits } = options.role;
  if (lateCommits.length > 0 && options.producer.enqueueLate === undefined)
    throw new Error('the contender cannot hold an enqueue open: leave the fault late-commit out');
  const sending = new Sending(options);
  if (load.loop === 'open') await produceScheduled(options, load, sending);
  else await produceClosed(options, load, sending);
}

/** Without waiting for any answer. */
async function produceScheduled(options: Producing, load: ProducerSchedule, sending: Sending): Promise<void> {
  await pace({
    startUs: options.startUs,
    schedule: arrivals(load.phases, randomStream(load.seed, load.stream)),
    clock: nowUs,
    signal: options.signal,
    alarm: options.alarm,
    send: (first, due) => sending.together(first, due),
  });
  await sending.answered();
  const missing = sending.lateCommitsLeft[0];
  if (missing !== undefined && !options.signal.aborted)
    throw new Error(`fault late-commit at ${missing.atSeconds} s: no job was due after it`);
}

/** Each client waits for its own answers. There is no schedule to be late on: a job is intended when its client sends it. */
async function produceClosed(options: Producing, load: ProducerClients, sending: Sending): Promise<void> {
  await runClients({
    startUs: options.startUs,
    phases: load.phases,
    first: load.first,
    stride: load.stride,
    seed: load.seed,
    stream: load.stream,
    maxJobs: load.maxJobs,
    clock: nowUs,
    alarm: options.alarm,
    signal: options.signal,
    send: (index) => sending.one(index),
  });
}

interface Announced {
  readonly key: number;
  readonly intendedUs: number;
  readonly eligibility: Eligibility | undefined;
  readonly own: OwnShape | undefined;
}

/** Announces jobs in the ledger, sends them, and counts what is under way. */
class Sending {
  readonly #options: Producing;
  #outstanding = 0;
  #allAnswered: (() => void) | undefined;
  readonly #lateCommits: LateCommit[];

  constructor(options: Producing) {
    this.#options = options;
    this.#lateCommits = [...options.role.lateCommits];
  }

  /** Those for which no job has come yet. */
  get lateCommitsLeft(): readonly LateCommit[] {
    return this.#lateCommits;
  }

  /**
   * One flush for all: each is known to the ledger before it is sent. The instant at which each was really sent goes into the
   * record of its answer.
   */
  together(first: number, due: readonly Due[]): void {
    const announced: Announced[] = [];
    const announcedUs = nowUs();
    for (const [i, { intendedUs, job }] of due.entries()) {
      if (this.#outstanding + announced.length >= OUTSTANDING_LIMIT) break;
      announced.push(this.#announce(first + i, intendedUs, announcedUs, job));
    }
    this.#options.ledger.flush();
    for (const one of announced) this.#send(one).catch(this.#options.onError);
  }

  one(index: number): Promise<void> {
    const readyUs = nowUs();
    const announced = this.#announce(index, readyUs, readyUs, undefined);
    this.#options.ledger.flush();
    return this.#send(announced);
  }

  /** Resolves when no answer is missing. */
  async answered(): Promise<void> {
    if (this.#outstanding > 0) await new Promise<void>((resolve) => (this.#allAnswered = resolve));
  }

  #announce(index: number, intendedUs: number, atUs: number, own: OwnShape | undefined): Announced {
    const { role, delays, ledger } = this.#options;
    const key = role.firstKey + index;
    const eligibility = delays.of(key, intendedUs);
    const delayUs = eligibility === undefined ? 0 : Math.round(eligibility.delayUs);
    ledger.append(RECORD.enqueueSent, 0, 0, key, intendedUs, atUs, delayUs);
    return { key, intendedUs, eligibility, own };
  }

  async #send({ key, intendedUs, eligibility, own }: Announced): Promise<void> {
    const { role, producer, workload, ledger, counters } = this.#options;
    counters.sent += 1;
    if (this.#outstanding >= role.connections) counters.poolWaits += 1;
    this.#outstanding += 1;
    const job = workload.job(key, intendedUs + (eligibility?.delayUs ?? 0), own);
    const sentUs = nowUs();
    let leftUs = Number.NaN;
    const leaves = (): void => {
      leftUs = nowUs();
    };
    try {
      const sent = eligibility === undefined ? job : { ...job, runAtMs: eligibility.runAtMs };
      const holdMs = this.#takeHoldMs(intendedUs);
      await (holdMs === undefined ? producer.enqueue(sent, leaves) : producer.enqueueLate?.(sent, holdMs));
      const doneUs = nowUs();
      ledger.append(RECORD.enqueueDone, 0, 0, key, doneUs, sentUs, carriedUs(leftUs, doneUs));
      counters.enqueued += 1;
      this.#options.onEnqueued?.(doneUs - sentUs);
    } catch (error) {
      const outcome = outcomeOf(error);
      const doneUs = nowUs();
      ledger.append(
        RECORD.enqueueDone,
        DETAIL_OF[outcome],
        0,
        key,
        doneUs,
        sentUs,
        carriedUs(leftUs, doneUs),
      );
      if (outcome === 'rejected') counters.rejected += 1;
      else {
        counters.enqueueFailed += 1;
        this.#options.onError(error);
      }
    } finally {
      this.#outstanding -= 1;
      if (this.#outstanding === 0) this.#allAnswered?.();
    }
  }

  /** How long the job that was intended for that instant is to be held back; undefined for not at all. */
  #takeHoldMs(intendedUs: number): number | undefined {
    const next = this.#lateCommits[0];
    if (next === undefined || intendedUs < this.#options.startUs + next.atSeconds * 1e6) return undefined;
    this.#lateCommits.shift();
    return next.forSeconds * 1000;
  }
}

/** Details of an enqueueDone that is no confirmation. */
const DETAIL_OF: Readonly<Record<EnqueueOutcome, number>> = { refused: 1, unknown: 2, rejected: 3 };

function outcomeOf(error: unknown): EnqueueOutcome {
  if (error instanceof PostError) return error.outcome;
  return refused(error) ? 'refused' : 'unknown';
}

/** For the ledger: 0 says that it was not told. */
function carriedUs(leftUs: number, doneUs: number): number {
  return Number.isNaN(leftUs) ? 0 : Math.max(1, Math.round(doneUs - leftUs));
}

/**
 * Whether the server said no. An SQLSTATE means that the statement was rolled back, save for those that end the
 * connection (class 08, and 57P01 to 57P03), after which a commit may or may not have happened.
 */
export function refused(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return (
    typeof code === 'string' &&
    // A digit is in every SQLSTATE, and in no code of the operating system such as EPIPE.
    /^(?=.*\d)[0-9A-Z]{5}$/.test(code) &&
    !code.startsWith('08') &&
    !code.startsWith('57P')
  );
}
