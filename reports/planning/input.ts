// What is a plan made from?

import type { PlanQuestion, Search } from '../../harness/result/result.ts';
import type { MeasuredCell } from './measured.ts';

/** A question, and what was measured for it. */
export interface PlanInput {
  readonly question: PlanQuestion;
  readonly cells: readonly MeasuredCell[];
  /** With the handlers of its probes. */
  readonly search: Search | undefined;
  /** Squared coefficient of variation of the handlers' time. */
  readonly serviceScv: number;
  readonly seed: number;
  /** Cores of the machine on which the server ran. */
  readonly cores: number;
  /** When the measurements were begun. */
  readonly startedAt: string;
}
