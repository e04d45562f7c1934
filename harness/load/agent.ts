// The program of an agent process: opens the contender, produces or consumes on command, and accounts for itself.

import { setTimeout as sleep } from 'node:timers/promises';
import type {
  BenchPayload,
  Consumer,
  ConsumerOptions,
  Contender,
  FrontQueue,
  Producer,
} from '../contender.ts';
import { openContender } from '../contenders/index.ts';
import { ClaimHabits } from '../fairness/claim-habits.ts';
import { type Front, openFront } from '../http/front.ts';
import type { HttpProducer } from '../http/http-producer.ts';
import { GeneratorWatch } from '../measure/generator.ts';
import { LatencyHistogram } from '../measure/histogram.ts';
import { LedgerWriter, RECORD } from '../measure/ledger-writer.ts';
import { newCounters, recordingEvents } from '../measure/recorder.ts';
import { JobLatencies } from '../metrics/job-latencies.ts';
import { type Alarm, openAlarm } from './alarm.ts';
import { nowUs } from './clock.ts';
import { Delays } from './delays.ts';
import { handlerOf } from './handling.ts';
import { JobTraits } from './job-traits.ts';
import { makeUrgent } from './priority.ts';
import { produce } from './producing.ts';
import type { Assignment, FromAgent, FrontRole, ProducerRole, ToAgent, WorkerRole } from './protocol.ts';
import { Workload } from './workload.ts';

const LIVE_INTERVAL_MS = 200;
const ERRORS_KEPT = 20;

function tell(message: FromAgent): void {
  if (process.connected) process.send?.(message);
}

class Agent {
  readonly #assignment: Assignment;
  readonly #contender: Contender;
  readonly #ledger: LedgerWriter;
  readonly #counters = newCounters();
  readonly #claims = new ClaimHabits();
  readonly #errors = new Set<string>();
  readonly #watch = new GeneratorWatch();
  readonly #pickup = new LatencyHistogram();
  readonly #abort = new AbortController();
  /** Only where metrics are served. */
  readonly #latencies: JobLatencies | undefined;
  #producer: Producer | undefined;
  /** The producer, where it posts. */
  #overHttp: HttpProducer | undefined;
  #front: { readonly front: Front; readonly queue: FrontQueue } | undefined;
  #alarm: Alarm | undefined;
  #consumer: Consumer | undefined;
  #producing: Promise<void> = Promise.resolve();
  #live: NodeJS.Timeout | undefined;
  #loadOver: NodeJS.Timeout | undefined;

  constructor(assignment: Assignment, contender: Contender) {
    this.#assignment = assignment;
    this.#contender = contender;
    this.#ledger = new LedgerWriter(assignment.ledgerPath);
    if (assignment.liveLatencies === true) this.#latencies = new JobLatencies(nowUs);
  }

  async prepare(): Promise<void> {
    const { role } = this.#assignment;
    if (role.kind === 'producer') {
      this.#alarm = await openAlarm(role.pacing, (error) => this.#note(error));
      if (role.frontPort !== undefined) {
        this.#overHttp = await openHttpProducer(role.frontPort, role.connections);
      }
      this.#producer = this.#overHttp ?? (await this.#contender.openProducer(role.connections));
      if (role.priority === 'realtime')
        makeUrgent([process.pid, ...(this.#alarm.thread === undefined ? [] : [this.#alarm.thread])]);
    }
    if (role.kind === 'front') this.#front = await this.#openFront(role);
    tell({ kind: 'ready', ...(this.#front === undefined ? {} : { port: this.#front.front.port }) });
  }

  async #openFront({ connections, backlogLimit, retryAfterSeconds }: FrontRole) {
    const queue = await this.#contender.openFront?.(connections);
    if (queue === undefined) throw new Error('the contender cannot stand behind an HTTP front');
    const onError = (error: unknown): void => this.#note(error);
    return { queue, front: await openFront({ queue, backlogLimit, retryAfterSeconds, onError }) };
  }

  async start(startUs: number, loadEndUs: number, queueOffsetUs: number): Promise<void> {
    this.#live = setInterval(() => this.#report(), LIVE_INTERVAL_MS);
    await sleep(Math.max(0, (startUs - nowUs()) / 1000));
    this.#watch.start();
    // A drain may be over sooner: then it is told to stop.
    this.#loadOver = setTimeout(() => this.#watch.loadOver(), Math.max(0, (loadEndUs - nowUs()) / 1000));
    const { role } = this.#assignment;
    if (role.kind === 'producer') this.#produce(role, startUs, queueOffsetUs);
    else if (role.kind === 'worker') await this.#consume(role, startUs);
  }

  async stop(deadlineMs: number): Promise<void> {
    clearTimeout(this.#loadOver);
    this.#watch.loadOver();
    this.#abort.abort();
    const late = sleep(deadlineMs, 'late' as const, { ref: false });
    await Promise.race([this.#producing, late]);
    await this.#consumer?.stop(deadlineMs);
    await this.#front?.front.stop(deadlineMs);
    const health = this.#watch.stop();
    clearInterval(this.#live);
    this.#report(this.#latencies?.told());
    this.#alarm?.[Symbol.dispose]();
    await this.#producer?.[Symbol.asyncDispose]();
    await this.#front?.queue[Symbol.asyncDispose]();
    const roundTrips = this.#contender.roundTrips?.();
    const sessions = this.#contender.sessions?.();
    const plans = this.#contender.plans?.();
    await this.#contender[Symbol.asyncDispose]();
    this.#ledger[Symbol.dispose]();
    tell({
      kind: 'stopped',
      counters: this.#counters,
      health,
      ...(roundTrips === undefined ? {} : { roundTrips }),
      ...(this.#consumer === undefined ? {} : { claims: this.#claims.report() }),
      ...(sessions === undefined ? {} : { sessions }),
      ...(plans === undefined ? {} : { plans }),
      ...(this.#front === undefined ? {} : { front: this.#front.front.report() }),
      ...(this.#overHttp === undefined ? {} : { posts: this.#overHttp.report() }),
      errors: [...this.#errors],
    });
  }

  #produce(role: ProducerRole, startUs: number, queueOffsetUs: number): void {
    const producer = this.#producer;
    const alarm = this.#alarm;
    if (producer === undefined || alarm === undefined) throw new Error('started before it was ready');
    const { payloadBytes, priorities, delaysMs } = this.#assignment;
    const traits = new JobTraits(this.#assignment.traits);
    const latencies = this.#latencies;
    const produced = produce({
      role,
      producer,
      workload: new Workload(payloadBytes, priorities, traits),
      traits,
      delays: new Delays(delaysMs, queueOffsetUs),
      ledger: this.#ledger,
      counters: this.#counters,
      startUs,
      alarm,
      signal: this.#abort.signal,
      onError: (error) => this.#note(error),
      ...(latencies === undefined ? {} : { onEnqueued: (latencyUs) => latencies.enqueued(latencyUs) }),
    });
    this.#producing = produced.then(
      () => {
        this.#report();
        tell({ kind: 'produced' });
      },
      (error: unknown) => tell({ kind: 'failed', message: messageOf(error) }),
    );
  }

  async #consume(role: WorkerRole, startUs: number): Promise<void> {
    const recording = recordingEvents(this.#ledger, this.#counters, nowUs, (error) => this.#note(error));
    const events = this.#latencies?.observe(recording) ?? recording;
    this.#consumer = await this.#contender.openConsumer({
      connections: role.connections,
      leaseMs: role.leaseMs,
      firstClaimer: role.firstClaimer,
      keys: role.keys,
      nowUs,
      handler: this.#handler(role, startUs),
      ...(role.retry === undefined ? {} : { retry: role.retry }),
      events: this.#claims.observe(events, nowUs),
    });
  }

  #handler(role: WorkerRole, startUs: number): ConsumerOptions['handler'] {
    const { traits } = this.#assignment;
    const ledger = this.#ledger;
    const { failShare, poisonShare } = traits.job;
    return handlerOf({
      work: traits.job.handler.time,
      traits: new JobTraits(traits),
      mayFail: failShare > 0 || poisonShare > 0,
      faults: role.handlerFaults,
      seed: traits.seed,
      startUs,
      clock: nowUs,
      seen: this.#seen(),
      ...(role.recordRuns
        ? {
            runs: {
              started: (key) => ledger.append(RECORD.started, 0, 0, key, nowUs(), 0, 0),
              ended: (key) => ledger.append(RECORD.ended, 0, 0, key, nowUs(), 0, 0),
            },
          }
        : {}),
    });
  }

  /** What is noted of every job before it is worked on. */
  #seen(): (payload: BenchPayload) => void {
    const noted = (payload: BenchPayload): void => {
      if (payload.t > 0) this.#pickup.record(nowUs() - payload.t);
    };
    const latencies = this.#latencies;
    if (latencies === undefined) return noted;
    return (payload) => {
      noted(payload);
      latencies.started(payload);
    };
  }

  #report(latencies = this.#latencies?.due()): void {
    const p99 = this.#pickup.count === 0 ? undefined : this.#pickup.unquotable(99);
    this.#pickup.reset();
    tell({
      kind: 'live',
      counters: this.#counters,
      ...(p99 === undefined ? {} : { pickupP99Us: p99 }),
      ...(latencies === undefined ? {} : { latencies }),
    });
  }

  /** Of what nobody waits for, such as a signal to idle workers that was lost. */
  warned(warning: Error): void {
    if (warning.name === 'ClaimbenchWarning') this.#note(warning);
  }

  #note(error: unknown): void {
    if (this.#errors.size < ERRORS_KEPT) this.#errors.add(messageOf(error));
  }
}

/** Loaded only here: autocannon takes as long as the rest of an agent's start, and few agents post. */
async function openHttpProducer(port: number, connections: number): Promise<HttpProducer> {
  const { HttpProducer } = await import('../http/http-producer.ts');
  return await HttpProducer.open(port, connections);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code} ` : '';
  return `${code}${error.message}`.split('\n', 1)[0] ?? '';
}

let agent: Agent | undefined;

async function obey(message: ToAgent): Promise<void> {
  if (message.kind === 'ping') tell({ kind: 'pong', ping: message.ping, atUs: nowUs() });
  else if (message.kind === 'assign') {
    const { contender, target } = message;
    agent = new Agent(message, await openContender(contender, target));
    await agent.prepare();
  } else if (message.kind === 'start') {
    await agent?.start(message.startUs, message.loadEndUs, message.queueOffsetUs);
  } else {
    await agent?.stop(message.deadlineMs);
    process.disconnect();
  }
}

process.on('message', (message) => {
  // The channel carries only what the coordinator of the same version sends.
  obey(message as ToAgent).catch((error: unknown) => {
    tell({ kind: 'failed', message: messageOf(error) });
  });
});
// Of the queue: a lost signal, for one, fails nothing, and is worth knowing.
process.on('warning', (warning) => agent?.warned(warning));
// An agent must not outlive its coordinator, and leaves Ctrl-C to it.
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);
