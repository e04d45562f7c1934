// What is a load made of, what does it need while it runs, and what does it leave behind?

import type { CellPlan, CellProgress } from '../cell/plan.ts';
import type { Contender, Target } from '../contender.ts';
import type { AppliedFault } from '../faults/applied.ts';
import type { Held } from '../faults/held.ts';
import type { AgentProcess } from './agents.ts';
import type { Pacing } from './alarm.ts';
import type { Priority } from './priority.ts';

export interface AgentOptions {
  readonly plan: CellPlan;
  /** As the agents are told it. */
  readonly target: Target;
  /** What faults take hold of; absent for none of that. */
  readonly held?: Held;
  readonly scratch: string;
  /** Cores for the agents; absent for all. */
  readonly agentCpus?: readonly number[];
  /** How producers wait; absent: by an alarm thread. */
  readonly pacing?: Pacing;
  /** Of producers that send on schedule; absent: normal. */
  readonly producerPriority?: Priority;
  /** Whether agents tell the latencies of their jobs while the load runs, for `live()`; absent: no. */
  readonly liveLatencies?: boolean;
}

export interface LoadOptions {
  /** The coordinator's own handle on the contender, to ask whether work is left. */
  readonly contender: Contender;
  /** How far the queue's clock is ahead of ours, for delayed jobs; 0 without any. */
  readonly queueOffsetUs: number;
  /** When the load has to start, as preloaded jobs are due at an instant of it; absent: as soon as the agents are ready. */
  readonly startUs?: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Omit<CellProgress, 'plan'>) => void;
  /** Called when every agent is ready and idle, last before the load. */
  readonly beforeStart: () => Promise<void>;
  /** Called as the agents are told to begin at `startUs`. */
  readonly onStart?: (startUs: number) => void;
  /** Called once the last phase is over, or a drain's backlog done, before the queue may settle down; nobody waits for it. */
  readonly onLoadOver?: () => void;
}

/** What a load leaves behind. Instants in µs of the machine's clock. */
export interface Load {
  readonly startUs: number;
  /** End of the last phase. */
  readonly loadEndUs: number;
  /** All agents had stopped. */
  readonly endUs: number;
  readonly totalSeconds: number;
  /** Keys 0 … keys − 1 were offered; in a closed loop, those of them that were sent. */
  readonly keys: number;
  readonly ledgerFiles: readonly { readonly path: string; readonly agent: number }[];
  readonly agents: readonly AgentProcess[];
  readonly brokenAgents: ReadonlySet<number>;
  /** Agents of which no process is left to hold a session. */
  readonly killedAgents: ReadonlySet<number>;
  /** Every agent stopped when asked, and every settle was answered. */
  readonly cleanStop: boolean;
  /** Whether anything failed that could leave a claimed job unheard of for a while: an agent, a session, a statement. */
  readonly troubled: boolean;
  readonly faults: readonly AppliedFault[];
  /** What voids the measurement: an agent that failed, a fault that could not be applied. */
  readonly failures: readonly string[];
  readonly notes: readonly string[];
  /** Of all agents; absent where they cannot be counted, or an agent did not live to tell. */
  readonly roundTrips: number | undefined;
  /** CPU time of all agents over the load, µs; absent where an agent did not live to tell. */
  readonly clientCpuUs: number | undefined;
  /** Jobs per claim that returned any; absent when none did. */
  readonly meanClaim: number | undefined;
  readonly peakRssBytes: number;
}
