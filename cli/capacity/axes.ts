// Which axes may a sweep have, and which values does each take?

import type { Axes } from '../../harness/contender.ts';

/** What the load of a cell is made of. */
export type LoadAxis = 'workers' | 'connections' | 'depth' | 'payload' | 'job-ms' | 'rate';

export interface NumberAxis {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
  /** What is said of a value out of range. */
  readonly is: string;
  /** In names of scenarios. */
  readonly short: string;
}

/** The limits are those of a scenario. */
export const LOAD_AXES: Readonly<Record<LoadAxis, NumberAxis>> = {
  workers: { min: 1, max: 16, whole: true, is: 'worker agents, which are processes', short: 'w' },
  connections: { min: 1, max: 64, whole: true, is: 'sessions of each worker', short: 'c' },
  depth: { min: 0, max: 10_000_000, whole: true, is: 'jobs that wait before the load', short: 'd' },
  payload: { min: 48, max: 1_000_000, whole: true, is: 'bytes of a job', short: 'p' },
  'job-ms': { min: 0, max: 600_000, whole: false, is: 'ms that a handler takes', short: 'j' },
  rate: { min: 0.1, max: 1_000_000, whole: false, is: 'jobs per second, open loop', short: 'r' },
};

/** Axes of a contender, as behind its name; their limits are the contender's to tell. */
export const CONTENDER_AXES = {
  batch: 'number',
  prefetch: 'number',
  claimsAtOnce: 'number',
  settle: 'word',
  settleDelayMs: 'number',
  concurrency: 'number',
  adaptive: 'number',
  wakeup: 'word',
  pollMs: 'number',
  leaseMs: 'number',
  fillfactor: 'number',
  driver: 'word',
  pipeline: 'word',
} as const satisfies Readonly<Record<keyof Axes, 'number' | 'word'>>;

/** `set.shared_buffers`: a setting of the server, which has a server of its own for each value. */
export const SETTING_PREFIX = 'set.';

export const AXIS_NAMES: readonly string[] = [...Object.keys(LOAD_AXES), ...Object.keys(CONTENDER_AXES)];

export function isLoadAxis(name: string): name is LoadAxis {
  return Object.hasOwn(LOAD_AXES, name);
}

export function isContenderAxis(name: string): name is keyof Axes {
  return Object.hasOwn(CONTENDER_AXES, name);
}

export function isSettingAxis(name: string): boolean {
  return name.startsWith(SETTING_PREFIX);
}
