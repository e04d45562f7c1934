// Which scenarios and suites come with claimbench?

import burst from './burst.ts';
import drain from './drain.ts';
import type { ScenarioInput } from './scenario.ts';
import steady from './steady.ts';
import workerCrash from './worker-crash.ts';
import workerStall from './worker-stall.ts';

/** The scenarios that come with claimbench, in the order in which `list` shows them. */
export const BUILT_IN_SCENARIOS: readonly ScenarioInput[] = [drain, steady, burst, workerCrash, workerStall];

/** A named choice of scenarios, contenders and repeats. */
export interface Suite {
  readonly name: string;
  readonly purpose: string;
  readonly scenarios: readonly string[];
  readonly contenders: readonly string[];
  readonly repeats: number;
}

export const SUITES: readonly Suite[] = [
  {
    name: 'bench',
    purpose: 'compares four claim strategies in four minutes; what `npm run bench` runs',
    scenarios: ['drain', 'steady', 'burst'],
    contenders: ['skip-locked', 'batch', 'advisory', 'notify'],
    repeats: 3,
  },
  {
    name: 'crash',
    purpose: 'kills and stalls workers: is anything lost, or settled twice?',
    scenarios: ['worker-crash', 'worker-stall'],
    contenders: ['skip-locked', 'batch', 'advisory'],
    repeats: 1,
  },
];
