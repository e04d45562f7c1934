// How is it written down that a fault took effect, and that it was over?

import type { Fault } from '../../scenarios/fault.ts';

/** A fault that took effect, or the end of one. */
export interface AppliedFault {
  readonly fault: Fault['fault'];
  readonly what: 'begins' | 'ends';
  /** As the timeline names it: `held-xmin by a reader`, `held-xmin ends`. */
  readonly label: string;
  readonly atUs: number;
}
