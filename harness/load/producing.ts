// How does a producer agent enqueue its part of the load?

import { randomStream } from '../../stats/random.ts';
import { type BenchJob, isRejection, type Producer } from '../contender.ts';
import { PostError } from '../http/outcome.ts';
import { ANSWERS, type Answer, type LedgerWriter, RECORD } from '../measure/ledger-writer.ts';
import type { AgentCounters } from '../measure/recorder.ts';
import type { Alarm } from './alarm.ts';
import { arrivals } from './arrivals.ts';
import { runClients } from './clients.ts';
import { nowUs } from './clock.ts';
import type { Delays, Eligibility } from './delays.ts';
import type { JobTraits } from './job-traits.ts';
import { type Due, pace, TOGETHER } from './pacer.ts';
import type { LateCommit, ProducerClients, ProducerRole, ProducerSchedule } from './protocol.ts';
import type { OwnShape, Workload } from './workload.ts';

/** Enqueues that may be under way at once; a job that is due beyond them is skipped, and counted as such. */
const OUTSTANDING_LIMIT = 20_000;

export interface Producing {
  readonly role: ProducerRole;
  readonly producer: Producer;
  readonly workload: Workload;
  /** Absent: no transaction rolls back. */
  readonly traits?: Pick<JobTraits, 'rollsBack'>;
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
  const { load, lateCommits, bulk, transaction } = options.role;
  const { producer } = options;
  if (lateCommits.length > 0 && transaction === undefined && producer.enqueueLate === undefined)
    throw new Error('the contender cannot hold an enqueue open: leave the fault late-commit out');
  if (bulk !== undefined && producer.enqueueMany === undefined)
    throw new Error('the contender cannot enqueue many jobs by one call: leave producers.bulk out');
  if (transaction !== undefined && producer.enqueueInTransaction === undefined)
    throw new Error(
      'the contender cannot enqueue in a transaction of an application: leave producers.transaction out',
    );
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
    // What one call can take must not be cut into several.
    together: Math.max(TOGETHER, options.role.bulk ?? 0),
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

/** Of one call; `leftUs` is NaN where it is not told. */
interface Instants {
  readonly sentUs: number;
  readonly leftUs: number;
  readonly doneUs: number;
}

/** Jobs that go by one call; it makes up to `connections` wait together for the server. */
type Call = readonly [Announced, ...Announced[]];

/** Announces jobs in the ledger, sends them, and counts what is under way. */
class Sending {
  readonly #options: Producing;
  #outstanding = 0;
  #calls = 0;
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
   * record of its answer. An arrival of a transaction brings several jobs.
   */
  together(first: number, due: readonly Due[]): void {
    const announced: Announced[] = [];
    const announcedUs = nowUs();
    const jobs = this.#options.role.transaction?.jobs ?? 1;
    for (const [i, { intendedUs, job }] of due.entries()) {
      if (this.#outstanding + announced.length >= OUTSTANDING_LIMIT) break;
      for (let j = 0; j < jobs; j += 1)
        announced.push(this.#announce((first + i) * jobs + j, intendedUs, announcedUs, job));
    }
    this.#options.ledger.flush();
    for (const call of this.#calledTogether(announced)) this.#send(call).catch(this.#options.onError);
  }

  one(index: number): Promise<void> {
    const readyUs = nowUs();
    const announced = this.#announce(index, readyUs, readyUs, undefined);
    this.#options.ledger.flush();
    return this.#send([announced]);
  }

  /** Resolves when no answer is missing. */
  async answered(): Promise<void> {
    if (this.#outstanding > 0) await new Promise<void>((resolve) => (this.#allAnswered = resolve));
  }

  /** In calls of as many as belong together: the jobs of one transaction, or up to `bulk` that are due at one instant. */
  *#calledTogether(announced: readonly Announced[]): Generator<Call> {
    const { transaction, bulk = 1 } = this.#options.role;
    const most = transaction?.jobs ?? bulk;
    let call: [Announced, ...Announced[]] | undefined;
    for (const one of announced) {
      if (call !== undefined && call.length < most && call[0].intendedUs === one.intendedUs) {
        call.push(one);
        continue;
      }
      if (call !== undefined) yield call;
      call = [one];
      // It is sent before the next one is looked at.
      if (transaction === undefined && this.#isLate(one.intendedUs)) {
        yield call;
        call = undefined;
      }
    }
    if (call !== undefined) yield call;
  }

  #announce(index: number, intendedUs: number, atUs: number, own: OwnShape | undefined): Announced {
    const { role, delays, ledger } = this.#options;
    const key = role.firstKey + index;
    const eligibility = delays.of(key, intendedUs);
    const delayUs = eligibility === undefined ? 0 : Math.round(eligibility.delayUs);
    ledger.append(RECORD.enqueueSent, 0, 0, key, intendedUs, atUs, delayUs);
    return { key, intendedUs, eligibility, own };
  }

  async #send(call: Call): Promise<void> {
    const { role, counters, onError } = this.#options;
    counters.sent += call.length;
    if (this.#calls >= role.connections) counters.poolWaits += call.length;
    this.#outstanding += call.length;
    this.#calls += 1;
    const jobs = call.map((one) => this.#jobOf(one));
    const sentUs = nowUs();
    let leftUs = Number.NaN;
    const leaves = (): void => {
      leftUs = nowUs();
    };
    try {
      const answers = await this.#enqueue(call[0], jobs, leaves);
      const doneUs = nowUs();
      for (const { key } of call) this.#answered(key, answers(key), { sentUs, leftUs, doneUs });
    } catch (error) {
      const answer = answerOf(error);
      const doneUs = nowUs();
      for (const { key } of call) this.#answered(key, answer, { sentUs, leftUs, doneUs });
      if (answer !== 'rejected') onError(error);
    } finally {
      this.#outstanding -= call.length;
      this.#calls -= 1;
      if (this.#outstanding === 0) this.#allAnswered?.();
    }
  }

  #jobOf({ key, intendedUs, eligibility, own }: Announced): BenchJob {
    const job = this.#options.workload.job(key, intendedUs + (eligibility?.delayUs ?? 0), own);
    return eligibility === undefined ? job : { ...job, runAtMs: eligibility.runAtMs };
  }

  /** Sends one call; resolves to what became of each of its keys. */
  async #enqueue(
    first: Announced,
    jobs: readonly BenchJob[],
    leaves: () => void,
  ): Promise<(key: number) => Answer> {
    const { producer, role, traits } = this.#options;
    const holdMs = this.#takeHoldMs(first.intendedUs);
    if (role.transaction !== undefined) {
      const { table } = role.transaction;
      const rollBack = traits?.rollsBack(first.key) ?? false;
      await producer.enqueueInTransaction?.(jobs, {
        write: async (query) => {
          await query(`INSERT INTO ${table} (first_job, customer) VALUES ($1, $2)`, [
            first.key,
            `customer ${first.key % 1000}`,
          ]);
        },
        rollBack,
        holdMs: holdMs ?? 0,
      });
      return () => (rollBack ? 'rolledBack' : 'confirmed');
    }
    const [job, ...others] = jobs;
    if (job === undefined) throw new Error('a call without jobs');
    if (others.length > 0) {
      const rejected = await producer.enqueueMany?.(jobs);
      return (key) => (rejected?.has(key) === true ? 'rejected' : 'confirmed');
    }
    await (holdMs === undefined ? producer.enqueue(job, leaves) : producer.enqueueLate?.(job, holdMs));
    return () => 'confirmed';
  }

  #answered(key: number, answer: Answer, { sentUs, leftUs, doneUs }: Instants): void {
    const { ledger, counters, onEnqueued } = this.#options;
    ledger.append(
      RECORD.enqueueDone,
      ANSWERS.indexOf(answer),
      0,
      key,
      doneUs,
      sentUs,
      carriedUs(leftUs, doneUs),
    );
    if (answer === 'confirmed') {
      counters.enqueued += 1;
      onEnqueued?.(doneUs - sentUs);
    } else if (answer === 'rejected' || answer === 'rolledBack') counters[answer] += 1;
    else counters.enqueueFailed += 1;
  }

  /** How long the job that was intended for that instant is to be held back; undefined for not at all. */
  #takeHoldMs(intendedUs: number): number | undefined {
    if (!this.#isLate(intendedUs)) return undefined;
    const next = this.#lateCommits.shift();
    return next && next.forSeconds * 1000;
  }

  #isLate(intendedUs: number): boolean {
    const next = this.#lateCommits[0];
    return next !== undefined && intendedUs >= this.#options.startUs + next.atSeconds * 1e6;
  }
}

function answerOf(error: unknown): Answer {
  if (isRejection(error)) return 'rejected';
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
