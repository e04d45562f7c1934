// The program of the bystander's process: sends its transactions on schedule, whatever becomes of them, and accounts for itself.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, randomStream } from '../../stats/random.ts';
import { errorCode, oneLine } from '../errors.ts';
import { type Alarm, openAlarm } from '../load/alarm.ts';
import { arrivals } from '../load/arrivals.ts';
import { nowUs } from '../load/clock.ts';
import { type Due, pace } from '../load/pacer.ts';
import { makeUrgent } from '../load/priority.ts';
import { GeneratorWatch } from '../measure/generator.ts';
import {
  type BystanderAssignment,
  type FromBystander,
  STREAMS,
  type ToBystander,
} from './bystander-protocol.ts';
import { type Outcome, RecordWriter } from './bystander-records.ts';
import { BystanderSessions } from './bystander-sessions.ts';
import { TELLERS } from './bystander-tables.ts';
import type { Ending, Transaction } from './bystander-transaction.ts';

/** Transactions that may be outstanding at once; one that is due beyond them is not sent, and counted as such. */
const OUTSTANDING_LIMIT = 20_000;
const ERRORS_KEPT = 20;
const OTHERS = 'others';
const HIGHEST_DELTA = 5_000;
/** For what was due before the load was over, and has not been handed over yet. */
const LAST_DUE_MS = 100;

function tell(message: FromBystander): void {
  if (process.connected) process.send?.(message);
}

class BystanderAgent {
  readonly #assignment: BystanderAssignment;
  readonly #sessions: BystanderSessions;
  readonly #records: RecordWriter;
  readonly #watch = new GeneratorWatch();
  readonly #abort = new AbortController();
  readonly #errors = new Map<string, number>();
  readonly #random: Random;
  #alarm: Alarm | undefined;
  #pacing: Promise<unknown> = Promise.resolve();
  #loadOverUs = Number.POSITIVE_INFINITY;

  constructor(assignment: BystanderAssignment) {
    this.#assignment = assignment;
    this.#random = randomStream(assignment.seed, STREAMS.accounts);
    this.#records = new RecordWriter(assignment.recordsPath);
    this.#sessions = new BystanderSessions({
      ...assignment,
      onEnded: (transaction, ending) => this.#ended(transaction, ending),
    });
  }

  async prepare(): Promise<void> {
    const { pacing, priority } = this.#assignment;
    // Timers do as well, only worse: the audit of lag and lateness tells.
    this.#alarm = await openAlarm(pacing, () => undefined);
    await this.#sessions.open();
    const { thread } = this.#alarm;
    if (priority === 'realtime') makeUrgent([process.pid, ...(thread === undefined ? [] : [thread])]);
    tell({ kind: 'ready' });
  }

  async start(startUs: number): Promise<void> {
    const { arrivals: phases, seed } = this.#assignment;
    const alarm = this.#alarm;
    if (alarm === undefined) throw new Error('started before it was ready');
    await sleep(Math.max(0, (startUs - nowUs()) / 1000));
    this.#watch.start();
    this.#pacing = pace({
      startUs,
      schedule: arrivals(phases, randomStream(seed, STREAMS.arrivals)),
      clock: nowUs,
      signal: this.#abort.signal,
      alarm,
      send: (first, due) => this.#send(first, due),
    }).catch((error: unknown) => tell({ kind: 'failed', message: oneLine(error) }));
  }

  loadOver(atUs: number): void {
    this.#watch.loadOver();
    this.#loadOverUs = Math.min(this.#loadOverUs, atUs);
  }

  async stop(deadlineMs: number): Promise<void> {
    this.loadOver(nowUs());
    await Promise.race([this.#pacing, sleep(LAST_DUE_MS)]);
    this.#abort.abort();
    this.#alarm?.interrupt();
    await this.#pacing;
    await Promise.race([this.#sessions.finished(), sleep(deadlineMs, undefined, { ref: false })]);
    const health = this.#watch.stop();
    for (const transaction of await this.#sessions.close())
      this.#keep(transaction, transaction.committing ? 'unknown' : 'unfinished');
    this.#records[Symbol.dispose]();
    this.#alarm?.[Symbol.dispose]();
    const { lostSessions, failedConnects } = this.#sessions;
    tell({ kind: 'stopped', health, errors: Object.fromEntries(this.#errors), lostSessions, failedConnects });
  }

  #send(first: number, due: readonly Due[]): void {
    const sentUs = nowUs();
    for (const [i, { intendedUs }] of due.entries()) {
      if (intendedUs >= this.#loadOverUs) return;
      const transaction = {
        number: first + i,
        intendedUs,
        sentUs,
        account: 1 + Math.floor(this.#random() * this.#assignment.accounts),
        teller: 1 + Math.floor(this.#random() * TELLERS),
        delta: Math.round((2 * this.#random() - 1) * HIGHEST_DELTA),
        committing: false,
      };
      if (this.#sessions.outstanding < OUTSTANDING_LIMIT) this.#sessions.submit(transaction);
      else this.#keep(transaction, 'unsent');
    }
  }

  #ended(transaction: Transaction, ending: Ending): void {
    this.#keep(transaction, ending.outcome);
    if (ending.outcome === 'committed') return;
    const said = `${errorCode(ending.error) ?? ''} ${oneLine(ending.error)}`.trim();
    const name = this.#errors.has(said) || this.#errors.size < ERRORS_KEPT ? said : OTHERS;
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
  }

  #keep({ number, intendedUs, sentUs, delta }: Transaction, outcome: Outcome): void {
    this.#records.append({ number, intendedUs, sentUs, endedUs: nowUs(), outcome, delta });
  }
}

let agent: BystanderAgent | undefined;

async function obey(message: ToBystander): Promise<void> {
  if (message.kind === 'assign') {
    agent = new BystanderAgent(message);
    await agent.prepare();
  } else if (message.kind === 'start') await agent?.start(message.startUs);
  else if (message.kind === 'load-over') agent?.loadOver(message.atUs);
  else {
    await agent?.stop(message.deadlineMs);
    process.disconnect();
  }
}

process.on('message', (message) => {
  // The channel carries only what the coordinator of the same version sends.
  obey(message as ToBystander).catch((error: unknown) => tell({ kind: 'failed', message: oneLine(error) }));
});
// It must not outlive its coordinator, and leaves Ctrl-C to it.
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);
