// Past which limits did the generator, not the system under test, make the figures?

import type { CellPlan } from '../cell/plan.ts';

/** METHOD.md states them to users. */
export const LIMITS = {
  /** Share of an open loop's measured jobs that may be sent more than 10 ms after their intended instant, or not at all. */
  lateShare: 0.01,
  /** Share of an open loop's time that an agent's event loop may stand still for more than 20 ms at a stretch. */
  stalledShare: 0.02,
  /** The same in a drain, which keeps its workers busy, and where a stall costs its own length and no more. */
  drainStalledShare: 0.1,
  /** For so long a drain must be measured before its backlog ends, or half as long as was planned, if that is less. */
  drainSeconds: 0.5,
  /** Share of an open loop's measured jobs whose enqueue may fail: they lighten the load of the rest. */
  failedShare: 0.01,
  /** Share of one core that a producer may use. The kernel holds a real-time one back at 95 %, so that it hardly gets there. */
  producerCpuShare: 0.9,
  /** Share of one core above which a worker agent may be the bound. */
  workerCpuShare: 0.8,
  /** Share of the null contender's rate above which the generator may be the bound. */
  ceilingShare: 0.2,
  /** Share of the load in which the network proxy's event loop may have hardly a pause. */
  proxyBusyShare: 0.1,
  /** By how much an agent's clock may differ from ours for certain, µs: latencies run from one agent's clock to another's. */
  clockOffsetUs: 1_000,
} as const;

type Limits = Readonly<Record<keyof typeof LIMITS, number>>;

/**
 * A smoke test asserts what holds at any speed, and lasts for seconds: one stall of the machine would be its whole allowance. Its
 * figures are marked as not to be compared.
 */
const SMOKE: Limits = {
  ...LIMITS,
  lateShare: 0.1,
  stalledShare: 0.2,
  drainStalledShare: 0.3,
  proxyBusyShare: 0.3,
};

/** A share as the reasons of a void cell have it. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

export function limitsAt(scale: CellPlan['scale']): Limits {
  return scale === 'smoke' ? SMOKE : LIMITS;
}
