// How does the coordinator start, follow and end its agent processes?

import { type ChildProcess, fork } from 'node:child_process';
import { programBeside } from '../child-program.ts';
import type { PlanReport, SessionsReport } from '../contender.ts';
import type { ClaimReport } from '../fairness/claim-habits.ts';
import type { FrontReport } from '../http/front.ts';
import type { PostReport } from '../http/http-producer.ts';
import type { GeneratorHealth } from '../measure/generator.ts';
import { type AgentCounters, newCounters } from '../measure/recorder.ts';
import type { LatencyBuckets } from '../metrics/buckets.ts';
import { type ClockReading, readClock } from './clock-reading.ts';
import { type Priority, REALTIME_NODE_OPTIONS } from './priority.ts';
import type { Assignment, FromAgent, ToAgent } from './protocol.ts';

/** What an agent said when it stopped; absent for one that was killed. */
export interface AgentReport {
  readonly counters: AgentCounters;
  readonly health: GeneratorHealth;
  readonly roundTrips?: number;
  readonly claims?: ClaimReport;
  readonly sessions?: SessionsReport;
  readonly plans?: PlanReport;
  readonly front?: FrontReport;
  readonly posts?: PostReport;
  readonly errors: readonly string[];
}

/** Where an agent runs, and how urgent it will be once it is ready. */
export interface Launch {
  /** Cores; absent for all. */
  readonly cpus?: readonly number[] | undefined;
  readonly priority: Priority;
}

const READY_WITHIN_MS = 30_000;

/** A front is no generator: it is part of what is measured. */
export type AgentRole = Assignment['role']['kind'];

/** One agent process, from fork to exit. */
export class AgentProcess {
  readonly agent: number;
  readonly role: AgentRole;
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #produced = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  live: AgentCounters = newCounters();
  livePickupP99Us: number | undefined;
  /** Counts and latencies of one instant, a second ago at most; only of an agent that was assigned `liveLatencies`. */
  told: { readonly counters: AgentCounters; readonly latencies: LatencyBuckets } | undefined;
  /** Where a front listens, once it is ready. */
  port: number | undefined;
  report: AgentReport | undefined;
  /** Set when the agent failed or ended unasked. */
  failure: string | undefined;
  /** Killed or stopped by a fault of the scenario. */
  broken = false;
  /** The agent's clock against ours, before the load and after it; fewer for one that did not answer. */
  readonly clock: ClockReading[] = [];
  #stopping = false;
  #pings = 0;
  readonly #pongs = new Map<number, (atUs: number) => void>();

  constructor(agent: number, role: AgentRole, launch: Launch) {
    this.agent = agent;
    this.role = role;
    this.#child = fork(programBeside(import.meta.url, 'agent'), [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      ...launcher(launch),
    });
    this.#child.on('message', (message) => this.#hear(message as FromAgent));
    this.#child.once('error', (error) => this.#fail(`could not be started: ${error.message}`));
    this.#child.once('exit', (code, signal) => this.#gone(code, signal));
    this.#ready.promise.catch(() => undefined);
    this.#produced.promise.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the agent has opened the contender; rejects when it cannot, or takes too long. */
  async assign(assignment: Assignment): Promise<void> {
    this.#say(assignment);
    const timer = setTimeout(() => this.#fail('was not ready in time'), READY_WITHIN_MS);
    try {
      await this.#ready.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Reads the agent's clock by a few pings; gives up on one that does not answer. */
  async checkClock(): Promise<void> {
    if (!this.alive || this.failure !== undefined) return;
    const reading = await readClock((signal) => this.#ping(signal));
    if (reading !== undefined) this.clock.push(reading);
  }

  #ping(signal: AbortSignal): Promise<number> {
    this.#pings += 1;
    const ping = this.#pings;
    return new Promise((resolve, reject) => {
      this.#pongs.set(ping, resolve);
      signal.addEventListener('abort', () => {
        this.#pongs.delete(ping);
        reject(signal.reason);
      });
      this.#say({ kind: 'ping', ping });
    });
  }

  start(startUs: number, loadEndUs: number, queueOffsetUs: number): void {
    this.#say({ kind: 'start', startUs, loadEndUs, queueOffsetUs });
  }

  /** Resolves when a producer has sent all and heard all; rejects when it failed. */
  produced(): Promise<void> {
    return this.#produced.promise;
  }

  /** Asks the agent to stop, and kills it when it does not in time. Resolves when the process is gone. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#say({ kind: 'stop', deadlineMs });
    const timer = setTimeout(() => {
      this.failure ??= 'did not stop in time and was killed';
      this.kill();
    }, deadlineMs + 5_000);
    try {
      await this.#exited.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (this.alive) this.#child.kill(name);
  }

  kill(): void {
    this.#stopping = true;
    // A stopped process takes SIGKILL too.
    this.signal('SIGKILL');
  }

  async killed(): Promise<void> {
    this.kill();
    await this.#exited.promise;
  }

  #say(message: ToAgent): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #hear(message: FromAgent): void {
    if (message.kind === 'ready') {
      this.port = message.port;
      this.#ready.resolve();
    } else if (message.kind === 'pong') this.#pongs.get(message.ping)?.(message.atUs);
    else if (message.kind === 'produced') this.#produced.resolve();
    else if (message.kind === 'failed') this.#fail(message.message);
    else if (message.kind === 'stopped') this.report = message;
    else {
      this.live = message.counters;
      if (message.pickupP99Us !== undefined) this.livePickupP99Us = message.pickupP99Us;
      const { counters, latencies } = message;
      if (latencies !== undefined) this.told = { counters, latencies };
    }
  }

  #fail(message: string): void {
    this.failure ??= message;
    // Not a RuntimeFailure, which would end the run: it is this contender that failed, in this cell.
    const error = new Error(`${this.role} agent ${this.agent}: ${message}`);
    this.#ready.reject(error);
    this.#produced.reject(error);
  }

  #gone(code: number | null, signal: NodeJS.Signals | null): void {
    if (!this.#stopping && !this.broken) this.#fail(`ended unasked (${signal ?? `exit code ${code}`})`);
    else this.#produced.resolve();
    this.#exited.resolve();
  }
}

/** What the queue warns of is for the cell's notes: an agent hands it on. */
const QUIET = ['--disable-warning=ClaimbenchWarning'];

/** Node as the agent's priority wants it; under taskset, so that every thread of it keeps to the given cores. */
export function launcher({ cpus, priority }: Launch): { execPath?: string; execArgv: string[] } {
  const options = [...process.execArgv, ...QUIET, ...(priority === 'realtime' ? REALTIME_NODE_OPTIONS : [])];
  return cpus === undefined
    ? { execArgv: options }
    : { execPath: 'taskset', execArgv: ['-c', cpus.join(','), process.execPath, ...options] };
}
