// How does a producer agent enqueue its part of the schedule?

import type { Producer } from '../contender.ts';
import { type LedgerWriter, RECORD } from '../measure/ledger-writer.ts';
import type { AgentCounters } from '../measure/recorder.ts';
import { arrivals } from './arrivals.ts';
import { nowUs } from './clock.ts';
import { pace } from './pacer.ts';
import type { ProducerRole } from './protocol.ts';
import { randomStream } from './random.ts';
import type { Workload } from './workload.ts';

/** Enqueues that may be under way at once; a job that is due beyond them is skipped, and counted as such. */
const OUTSTANDING_LIMIT = 20_000;

export interface Producing {
  readonly role: ProducerRole;
  readonly producer: Producer;
  readonly workload: Workload;
  readonly ledger: LedgerWriter;
  readonly counters: AgentCounters;
  readonly startUs: number;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/** Sends every job at its intended instant, without waiting for any answer; resolves when all answers are in. */
export async function produce(options: Producing): Promise<void> {
  const { role, ledger, counters } = options;
  const { schedule } = role;
  const outstanding = new Set<Promise<void>>();
  await pace({
    startUs: options.startUs,
    schedule: arrivals(schedule.phases, randomStream(schedule.seed, schedule.stream), schedule.shift),
    clock: nowUs,
    signal: options.signal,
    send: (index, intendedUs) => {
      if (outstanding.size >= OUTSTANDING_LIMIT) return;
      const key = role.firstKey + index;
      ledger.append(RECORD.enqueueSent, 0, 0, key, intendedUs, nowUs(), 0);
      ledger.flush();
      counters.sent += 1;
      if (outstanding.size >= role.connections) counters.poolWaits += 1;
      const sent = send(options, key, intendedUs).finally(() => outstanding.delete(sent));
      outstanding.add(sent);
    },
  });
  await Promise.all(outstanding);
}

async function send(options: Producing, key: number, intendedUs: number): Promise<void> {
  const { ledger, counters } = options;
  try {
    await options.producer.enqueue(options.workload.job(key, intendedUs));
    ledger.append(RECORD.enqueueDone, 0, 0, key, nowUs(), 0, 0);
    counters.enqueued += 1;
  } catch (error) {
    ledger.append(RECORD.enqueueDone, refused(error) ? 1 : 2, 0, key, nowUs(), 0, 0);
    counters.enqueueFailed += 1;
    options.onError(error);
  }
}

/**
 * Whether the server said no. An SQLSTATE means that the statement was rolled back, save for those that end the
 * connection (class 08, and 57P01 to 57P03), after which a commit may or may not have happened.
 */
function refused(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return (
    typeof code === 'string' &&
    // A digit is in every SQLSTATE, and in no code of the operating system such as EPIPE.
    /^(?=.*\d)[0-9A-Z]{5}$/.test(code) &&
    !code.startsWith('08') &&
    !code.startsWith('57P')
  );
}
