// How is the load of one cell run? Agents are started, paced by one clock, hurt on schedule, and brought to an end.

import { setTimeout as sleep } from 'node:timers/promises';
import { longestHandlerMs } from '../../scenarios/job.ts';
import { preloadedJobs, type Scenario, scheduledFaults, totalSeconds } from '../../scenarios/scenario.ts';
import type { CellPlan } from '../cell/plan.ts';
import type { Contender } from '../contender.ts';
import { scheduleFaults } from '../faults/faults.ts';
import type { Held } from '../faults/held.ts';
import type { AgentCounters } from '../measure/recorder.ts';
import type { LiveReading } from '../metrics/live-metrics.ts';
import { liveReading } from '../metrics/live-reading.ts';
import { AgentProcess } from './agents.ts';
import { type AgentPlan, planAgents } from './assignments.ts';
import { nowUs } from './clock.ts';
import type { AgentOptions, Load, LoadOptions } from './load.ts';
import { RateMeter } from './rate-meter.ts';
import { startInstantUs, waitForLastSteps } from './start.ts';

const TICK_MS = 100;
const STOP_DEADLINE_MS = 5_000;
const WORK_MS_MAX = 600_000;

/**
 * The agents of one cell. Made early, so that their start-up overlaps the preparation of the database; disposing it
 * leaves no agent behind, whatever happened.
 */
export class LoadRun implements AsyncDisposable {
  readonly #plan: CellPlan;
  readonly #agents: AgentProcess[];
  /** Assigned, and idle until one of the workers is killed. */
  readonly #spares: AgentProcess[];
  #queueOffsetUs = 0;
  readonly #assigned: AgentPlan;
  readonly #rates = new RateMeter();
  readonly #held: Held;
  readonly #liveLatencies: boolean;
  #faults: ReturnType<typeof scheduleFaults> | undefined;
  #startUs = 0;

  constructor(options: AgentOptions) {
    this.#plan = options.plan;
    this.#held = options.held ?? { connection: undefined, standby: undefined };
    this.#liveLatencies = options.liveLatencies === true;
    this.#assigned = planAgents(
      options.plan,
      options.target,
      options.scratch,
      options.pacing,
      options.producerPriority,
    );
    const all = this.#assigned.assignments.map(
      (a) =>
        new AgentProcess(a.agent, a.role.kind, {
          cpus: options.agentCpus,
          priority: a.role.kind === 'producer' ? a.role.priority : 'normal',
        }),
    );
    this.#agents = all.filter(({ agent }) => !this.#standsBy(agent));
    this.#spares = all.filter(({ agent }) => this.#standsBy(agent));
  }

  /** How many jobs there may be: the preload's, and the producers'. */
  get keys(): number {
    return this.#assigned.keys;
  }

  /** What the agents have told so far; of those that were made with `liveLatencies`. */
  live(): LiveReading {
    return liveReading(this.#agents, this.#startUs === 0 ? undefined : preloadedJobs(this.#plan.scenario));
  }

  /** Connects the agents, runs the phases, lets the queue empty, and stops the agents. */
  async run(options: LoadOptions): Promise<Load> {
    await this.#prepare(options);
    await this.#carry(options);
    return await this.#finish();
  }

  async #prepare(options: LoadOptions): Promise<void> {
    // A front first: producers are told where it listens.
    await this.#assign(this.#agents.filter((a) => a.role === 'front'));
    await this.#assign([...this.#agents.filter((a) => a.role !== 'front'), ...this.#spares]);
    if (options.startUs !== undefined) await waitForLastSteps(options.startUs, options.signal);
    await options.beforeStart();
    await this.#checkClocks();
  }

  #standsBy(agent: number): boolean {
    const role = this.#assigned.assignments[agent]?.role;
    return role?.kind === 'worker' && role.spare === true;
  }

  /** Starts an agent that stood by; false when none is left. */
  #replace(): boolean {
    const spare = this.#spares.find((agent) => agent.alive && agent.failure === undefined);
    if (spare === undefined) return false;
    this.#spares.splice(this.#spares.indexOf(spare), 1);
    this.#agents.push(spare);
    spare.start(this.#startUs, this.#loadEndUs, this.#queueOffsetUs);
    return true;
  }

  get #loadEndUs(): number {
    return this.#startUs + totalSeconds(this.#plan.scenario) * 1e6;
  }

  async #assign(agents: readonly AgentProcess[]): Promise<void> {
    const port = this.#agents.find((a) => a.role === 'front')?.port;
    await Promise.all(
      agents.map((agent) => {
        const assignment = this.#assigned.assignments[agent.agent];
        if (assignment === undefined) return undefined;
        const { role } = assignment;
        const overHttp = port !== undefined && role.kind === 'producer';
        return agent.assign({
          ...assignment,
          ...(this.#liveLatencies ? { liveLatencies: true } : {}),
          ...(overHttp ? { role: { ...role, frontPort: port } } : {}),
        });
      }),
    );
  }

  async #checkClocks(): Promise<void> {
    await Promise.all([...this.#agents, ...this.#spares].map((agent) => agent.checkClock()));
  }

  async #carry(options: LoadOptions): Promise<void> {
    const { scenario } = this.#plan;
    this.#startUs = startInstantUs(options.startUs, nowUs(), options.contender.class);
    this.#queueOffsetUs = options.queueOffsetUs;
    const loadEndUs = this.#loadEndUs;
    for (const agent of this.#agents) agent.start(this.#startUs, loadEndUs, options.queueOffsetUs);
    options.onStart?.(this.#startUs);
    this.#faults = scheduleFaults(scheduledFaults(scenario), {
      ...this.#held,
      ...(options.contender.sessionRole === undefined
        ? {}
        : { roleOf: (name: string) => options.contender.sessionRole?.(name) }),
      agents: this.#agents,
      replace: () => this.#replace(),
      startUs: this.#startUs,
    });
    const openLoop = this.#producers().length > 0;
    await this.#wait(options, 'running', loadEndUs, () => !openLoop && this.#allFinished());
    options.onLoadOver?.();
    if (!openLoop) return;
    await this.#within(STOP_DEADLINE_MS, Promise.all(this.#producers().map((p) => p.produced())));
    const settleEndUs = nowUs() + scenario.settleWithinSeconds * 1e6;
    await this.#wait(
      options,
      'settling',
      settleEndUs,
      () => this.#allFinished() && (this.#countsHold() || options.contender.pending === undefined),
      () => isEmpty(options.contender),
    );
  }

  async #finish(): Promise<Load> {
    await this.#faults?.undo();
    const { scenario } = this.#plan;
    const deadlineMs = STOP_DEADLINE_MS + longestWorkMs(scenario);
    const failedBefore = this.#agents.map((a) => a.failure);
    await this.#checkClocks();
    const alive = this.#agents.filter((a) => a.alive);
    await Promise.all([
      ...alive.filter((a) => a.role !== 'front').map((a) => a.stop(deadlineMs)),
      ...this.#spares.filter((a) => a.alive).map((a) => a.killed()),
    ]);
    // A front last: it owes producers answers until they are gone.
    await Promise.all(alive.filter((a) => a.role === 'front').map((a) => a.stop(deadlineMs)));
    const endUs = nowUs();
    const reports = this.#agents.flatMap((a) => (a.report === undefined ? [] : [a.report]));
    const counters = this.#agents.map((a) => a.report?.counters ?? a.live);
    const claims = sum(counters, (c) => c.claims);
    const trips = reports.map((r) => r.roundTrips);
    const failures = [
      ...this.#agents.flatMap((a, i) => {
        const failure = a.failure ?? failedBefore[i];
        return failure === undefined ? [] : [`${a.role} agent ${a.agent}: ${failure}`];
      }),
      ...(this.#faults?.failures ?? []),
    ];
    const cleanStop =
      reports.length === this.#agents.length &&
      this.#agents.every((a) => a.failure === undefined) &&
      counters.every((c) => c.failedSettles === 0);
    return {
      startUs: this.#startUs,
      loadEndUs: this.#loadEndUs,
      endUs,
      totalSeconds: (endUs - this.#startUs) / 1e6,
      keys: this.#assigned.keys,
      ledgerFiles: this.#agents.map(({ agent }) => this.#ledgerOf(agent)),
      agents: this.#agents,
      brokenAgents: new Set(this.#agents.filter((a) => a.broken).map((a) => a.agent)),
      killedAgents: new Set(this.#agents.filter((a) => a.report === undefined).map((a) => a.agent)),
      cleanStop,
      troubled: !cleanStop || failures.length > 0 || counters.some((c) => c.errors > 0),
      faults: this.#faults?.applied ?? [],
      failures: [...failures, ...this.#usedUp()],
      notes: [...errorNotes(this.#agents), ...(this.#faults?.notes ?? [])],
      roundTrips: sumOfAll(trips, this.#agents.length),
      clientCpuUs: sumOfAll(
        reports.map(({ health }) => health.cpuUs),
        this.#agents.length,
      ),
      meanClaim: claims === 0 ? undefined : sum(counters, (c) => c.claimedJobs) / claims,
      peakRssBytes:
        process.resourceUsage().maxRSS * 1024 + reports.reduce((s, r) => s + r.health.peakRssBytes, 0),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#faults?.undo();
    await Promise.all([...this.#agents, ...this.#spares].filter((a) => a.alive).map((a) => a.killed()));
  }

  #ledgerOf(agent: number): Load['ledgerFiles'][number] {
    const path = this.#assigned.assignments[agent]?.ledgerPath;
    if (path === undefined) throw new Error(`agent ${agent} was never assigned`);
    return { path, agent };
  }

  /** Clients of a closed loop that stopped before its end, for want of keys: what they would have offered is not known. */
  #usedUp(): string[] {
    return this.#assigned.assignments.flatMap(({ agent, role }) => {
      if (role.kind !== 'producer' || role.load.loop === 'open') return [];
      const sent = this.#agents[agent]?.report?.counters.sent ?? 0;
      return sent < role.load.maxJobs
        ? []
        : [
            `producer agent ${agent}: its clients sent all ${sent} jobs that they may and stopped: raise maxJobs`,
          ];
    });
  }

  #producers(): AgentProcess[] {
    return this.#agents.filter((a) => a.role === 'producer');
  }

  /** By the agents' live counts; those of a killed agent may be short, so this is a hint to be early, not the last word. */
  #allFinished(): boolean {
    const live = this.#agents.map((a) => a.live);
    const offered = preloadedJobs(this.#plan.scenario) + sum(live, (c) => c.enqueued);
    return sum(live, (c) => c.finished) >= offered;
  }

  /**
   * Whether the live counts are of all that happened: an enqueue whose answer was lost is a job that nobody counts, and one that was handed
   * out twice may be finished twice.
   */
  #countsHold(): boolean {
    return this.#agents.every(({ broken, live }) => !broken && live.errors === 0 && live.failedSettles === 0);
  }

  /** Until `untilUs`, or `done` says so, or the slower question `empty` (asked when nothing moves) says so. */
  async #wait(
    options: LoadOptions,
    stage: 'running' | 'settling',
    untilUs: number,
    done: () => boolean,
    empty?: () => Promise<boolean>,
  ): Promise<void> {
    let asked = nowUs();
    while (nowUs() < untilUs && !done()) {
      options.signal.throwIfAborted();
      if (this.#agents.every((a) => !a.alive)) return;
      if (this.#agents.some((a) => a.failure !== undefined)) return;
      await sleep(Math.max(1, Math.min(TICK_MS, (untilUs - nowUs()) / 1000)), undefined, {
        signal: options.signal,
      });
      this.#show(options, stage, untilUs);
      if (empty !== undefined && nowUs() - asked > 500_000) {
        asked = nowUs();
        if (await empty()) return;
      }
    }
  }

  #show(options: LoadOptions, stage: 'running' | 'settling', untilUs: number): void {
    const p99 = this.#agents.flatMap((a) => (a.livePickupP99Us === undefined ? [] : [a.livePickupP99Us]));
    const rate = this.#rates.perSecond(
      sum(
        this.#agents.map((a) => a.live),
        (c) => c.finished,
      ),
    );
    options.onProgress({
      stage,
      secondsLeft: Math.max(0, (untilUs - nowUs()) / 1e6),
      ...(rate === undefined ? {} : { settledPerSec: rate }),
      ...(p99.length === 0 ? {} : { pickupP99Us: Math.max(...p99) }),
    });
  }

  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    // A producer that failed is reported by its agent; one that is late is stopped, and its jobs are accounted for.
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    await Promise.race([settled, sleep(ms, undefined, { ref: false })]);
  }
}

/** A question that is not answered, as by a server that a fault has taken away, is asked again; the wait has an end of its own. */
async function isEmpty(contender: Contender): Promise<boolean> {
  try {
    return (await contender.pending?.()) === 0;
  } catch {
    return false;
  }
}

/** What a worker that stops has to wait for, ms. */
function longestWorkMs(scenario: Scenario): number {
  const added = scheduledFaults(scenario).reduce(
    (sum, fault) => sum + (fault.fault === 'slow-handlers' ? fault.addedMs : 0),
    0,
  );
  return Math.min(WORK_MS_MAX, longestHandlerMs(scenario.job.handler) + added);
}

function errorNotes(agents: readonly AgentProcess[]): string[] {
  const notes = new Set<string>();
  for (const agent of agents) {
    for (const error of agent.report?.errors ?? []) notes.add(`${agent.role}: ${error}`);
  }
  return [...notes].slice(0, 10);
}

/** Undefined when an agent did not say: one that was killed took its count along, while its jobs are divided by. */
export function sumOfAll(trips: readonly (number | undefined)[], agents: number): number | undefined {
  const known = trips.filter((t) => t !== undefined);
  return known.length === agents ? known.reduce((x, y) => x + y, 0) : undefined;
}

function sum(counters: readonly AgentCounters[], of: (c: AgentCounters) => number): number {
  return counters.reduce((total, c) => total + of(c), 0);
}
