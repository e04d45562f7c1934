// What is to be run as one cell, and what does it show of itself while it runs?

import type { Scenario } from '../../scenarios/scenario.ts';
import type { ContenderSpec } from '../contender.ts';

/** A cell before it is run. `scenario` has every rate as a number. */
export interface CellPlan {
  readonly id: string;
  readonly block: number;
  readonly order: number;
  /** From 1. */
  readonly repeat: number;
  readonly scenario: Scenario;
  readonly contender: ContenderSpec;
  /** Label of the server that it runs on; absent where the run has one server. */
  readonly server?: string;
  /** Absent: the scenario as it is. */
  readonly scale?: 'smoke';
  /** Of the arrivals: the same for all contenders of a block, so that they face the same load. */
  readonly seed: number;
}

/** The lease of the cell's jobs, in ms: the contender's own where it was given one. */
export function leaseMsOf({ contender, scenario }: CellPlan): number {
  return contender.axes.leaseMs ?? scenario.leaseMs;
}

/** What a running cell shows of itself. Rates and percentiles are live readings, not results. */
export interface CellProgress {
  readonly plan: CellPlan;
  readonly stage: 'preparing' | 'preloading' | 'running' | 'settling' | 'checking';
  readonly secondsLeft: number;
  readonly settledPerSec?: number;
  readonly pickupP99Us?: number;
}
