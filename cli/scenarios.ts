// Which scenarios did the user ask for? Names out of the registry, or files of the user's own.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { oneLine, UsageError } from '../harness/errors.ts';
import { type Arrival, mapRates, misfit, type Rate, ratesOf } from '../scenarios/arrival.ts';
import { BUILT_IN_SCENARIOS, SUITES, type Suite } from '../scenarios/index.ts';
import {
  arrivalsOf,
  type Fault,
  SCENARIO_KEYS,
  type Scenario,
  scenarioSchema,
  totalSeconds,
} from '../scenarios/scenario.ts';
import { suggestion } from './suggest.ts';
import { readTrace } from './trace.ts';

/** A scenario by name, or from a `.ts`, `.js`, `.mjs` (default export) or `.json` file, with the traces that it names. */
export async function loadScenario(reference: string): Promise<Scenario> {
  if (!/[./\\]/.test(reference)) {
    const found = BUILT_IN_SCENARIOS.find((scenario) => scenario.name === reference);
    if (found !== undefined) return parseScenario(found, reference);
    const names = BUILT_IN_SCENARIOS.map((scenario) => scenario.name);
    throw new UsageError(`there is no scenario ${reference}${suggestion(reference, names)}`);
  }
  const path = resolve(reference);
  if (!existsSync(path)) {
    throw new UsageError(
      `the scenario file ${reference} does not exist: give the path of a .ts, .js, .mjs or .json file, or a name (see claimbench list scenarios)`,
    );
  }
  return await withTraces(parseScenario(await readScenario(path, reference), reference), dirname(path));
}

/** The scenario with every trace file read; their paths start from `folder`. */
async function withTraces(scenario: Scenario, folder: string): Promise<Scenario> {
  const phases: Scenario['phases'] = [];
  for (const phase of scenario.phases) {
    if (phase.arrival?.model !== 'trace' || phase.arrival.file === undefined) phases.push(phase);
    else {
      const { file, ...rest } = phase.arrival;
      phases.push({ ...phase, arrival: { ...rest, jobs: await readTrace(resolve(folder, file), file) } });
    }
  }
  return requireFit({ ...scenario, phases });
}

/** Refuses arrivals that do not fit in their phases, as those of a trace or under --duration may not. */
function requireFit(scenario: Scenario): Scenario {
  for (const { label, seconds, arrival } of scenario.phases) {
    const problem = arrival === undefined ? undefined : misfit(arrival, seconds);
    if (problem !== undefined) throw new UsageError(`scenario ${scenario.name}, phase ${label}: ${problem}`);
  }
  return scenario;
}

async function readScenario(path: string, reference: string): Promise<unknown> {
  try {
    if (path.endsWith('.json')) return JSON.parse(await readFile(path, 'utf8'));
    const loaded: { default?: unknown } = await import(pathToFileURL(path).href);
    if (loaded.default === undefined) {
      throw new UsageError(
        `the scenario file ${reference} has no default export: export default defineScenario({ … })`,
      );
    }
    return loaded.default;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`the scenario file ${reference} could not be read: ${oneLine(error)}`, {
      cause: error,
    });
  }
}

/** Validates a scenario's data; an error names the first wrong part, and for an unknown key the nearest right one. */
export function parseScenario(data: unknown, reference: string): Scenario {
  const parsed = scenarioSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  // A misspelt key is missing as well: what was written says more than what was not.
  const issues = parsed.error.issues.flatMap((issue) => withinUnion(issue));
  const issue = issues.find((i) => i.code === 'unrecognized_keys') ?? issues[0];
  if (issue === undefined) throw new UsageError(`scenario ${reference} is not valid`);
  throw new UsageError(`scenario ${reference}: ${describeIssue(issue, data)}`);
}

/** The issues of the alternative that comes closest to what was written: the one of the same type. */
function withinUnion(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const closest = issue.errors.find((errors) =>
    errors.every((e) => e.code !== 'invalid_type' || e.path.length > 0),
  );
  if (closest === undefined) return [issue];
  return closest.flatMap((e) => withinUnion({ ...e, path: [...issue.path, ...e.path] }));
}

function describeIssue(issue: z.core.$ZodIssue, data: unknown): string {
  const where = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const known = where === '' ? SCENARIO_KEYS : nestedKeys(issue.path, data);
    return `unknown key ${where === '' ? '' : `${where}.`}${key}${suggestion(key, known)}`;
  }
  return `${where === '' ? '' : `${where}: `}${issue.message}`;
}

/** Keys of the scenario's inner objects, read from the published JSON Schema so that they cannot differ from it. */
function nestedKeys(path: readonly PropertyKey[], data: unknown): readonly string[] {
  let nodes: readonly unknown[] = [z.toJSONSchema(scenarioSchema, { io: 'input' })];
  let written: unknown = data;
  for (const part of path.map(String)) {
    nodes = nodes.flatMap((node) =>
      /^\d+$/.test(part) ? field(node, 'items') : field(field(node, 'properties'), part),
    );
    written = field(written, part);
    nodes = nodes.flatMap((node) => meant(node, written));
  }
  return [...new Set(nodes.flatMap(propertiesOf))];
}

/** The alternatives of a schema that what was written belongs to, by its `model` or `fault`; all, when it says neither. */
function meant(node: unknown, written: unknown): readonly unknown[] {
  const options = field(node, 'anyOf') ?? field(node, 'oneOf');
  if (!Array.isArray(options)) return [node];
  const fits = (option: unknown): boolean =>
    ['model', 'fault'].every((key) => {
      const allowed = field(field(option, 'properties'), key);
      const value = field(written, key);
      const values: unknown = field(allowed, 'enum') ?? [field(allowed, 'const')];
      return allowed === undefined || (Array.isArray(values) && values.includes(value));
    });
  const found = options.filter(fits);
  return found.length === 0 ? options : found;
}

function propertiesOf(node: unknown): readonly string[] {
  const properties = field(node, 'properties');
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
}

function field(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? Reflect.get(node, name) : undefined;
}

export function findSuite(name: string): Suite {
  const suite = SUITES.find((candidate) => candidate.name === name);
  if (suite !== undefined) return suite;
  throw new UsageError(
    `there is no suite ${name}${suggestion(
      name,
      SUITES.map((s) => s.name),
    )}`,
  );
}

/**
 * The scenario with its whole load lasting `seconds`: phases, their steps, warm-up and the times of faults are stretched
 * alike. Throws UsageError for a trace, whose length is its own.
 */
export function withDuration(scenario: Scenario, seconds: number): Scenario {
  const factor = seconds / totalSeconds(scenario);
  requireNo(
    scenario,
    ['trace'],
    '--duration',
    'which has a length of its own: change its speed and its phase',
  );
  return requireFit({
    ...scenario,
    warmupSeconds: Math.min(scenario.warmupSeconds, seconds / 4),
    ...(scenario.warmupCapSeconds === undefined
      ? {}
      : { warmupCapSeconds: Math.min(scenario.warmupCapSeconds, seconds / 4) }),
    phases: scenario.phases.map((phase) => ({
      ...phase,
      seconds: phase.seconds * factor,
      ...(phase.arrival === undefined ? {} : { arrival: stretched(phase.arrival, factor) }),
      faults: phase.faults.map((fault) => stretchedFault(fault, factor)),
    })),
    preload: stretchedPreload(scenario.preload, factor),
  });
}

/** A load of a second or more is not left without a backlog; one of minutes is not left waiting for its preload. */
const BACKLOG_MIN = 150_000;
const BACKLOG_MAX = 3_000_000;

/** In proportion, within bounds that leave what the scenario itself asks for as it is. */
function stretchedBacklog(jobs: number, factor: number): number {
  const wanted = Math.ceil(jobs * factor);
  return factor < 1
    ? Math.max(wanted, Math.min(jobs, BACKLOG_MIN))
    : Math.min(wanted, Math.max(jobs, BACKLOG_MAX));
}

function stretchedPreload(preload: Scenario['preload'], factor: number): Scenario['preload'] {
  const { delayed } = preload;
  return {
    ...preload,
    ready: stretchedBacklog(preload.ready, factor),
    ...(delayed === undefined
      ? {}
      : { delayed: { ...delayed, dueAtSeconds: delayed.dueAtSeconds * factor } }),
  };
}

function stretched(arrival: Arrival, factor: number): Arrival {
  if (arrival.model !== 'steps') return arrival;
  const steps = arrival.steps.map((step) =>
    step.seconds === undefined ? step : { ...step, seconds: step.seconds * factor },
  );
  return { ...arrival, steps };
}

/** A stall is held against the lease, which does not stretch. */
function stretchedFault(fault: Fault, factor: number): Fault {
  const moved = { ...fault, afterSeconds: fault.afterSeconds * factor };
  return !('forSeconds' in moved) || moved.forSeconds === undefined || moved.fault === 'stall-worker'
    ? moved
    : { ...moved, forSeconds: moved.forSeconds * factor };
}

function requireNo(
  scenario: Scenario,
  models: readonly Arrival['model'][],
  option: string,
  why: string,
): void {
  const phase = scenario.phases.find((p) => p.arrival !== undefined && models.includes(p.arrival.model));
  if (phase === undefined) return;
  const what = phase.arrival?.model === 'closed' ? 'is a closed loop' : 'replays a trace';
  throw new UsageError(`${option}: phase ${phase.label} of ${scenario.name} ${what}, ${why}`);
}

const NO_RATE = 'which has no rate to set: change its clients, its think time or its speed in the scenario';

/**
 * The scenario at another rate: its highest rate becomes `ratePerSec`, the others keep their proportion to it. A burst
 * keeps the size of its clumps. Throws UsageError for a closed loop and for a trace.
 */
export function withRate(scenario: Scenario, ratePerSec: number): Scenario {
  requireNo(scenario, ['closed', 'trace'], '--rate', NO_RATE);
  const highest = highestOf(arrivalsOf(scenario).flatMap(ratesOf));
  return requireFit(
    withRates(scenario, () => (rate) => ratePerSec * (typeof rate === 'number' ? rate / highest : 1)),
  );
}

/**
 * The scenario with every phase's highest rate as a share of what the contender settles in `of`; other rates of the same
 * phase keep their proportion to it. Throws as `withRate` does.
 */
export function withRateShare(scenario: Scenario, share: number, of: string): Scenario {
  requireNo(scenario, ['closed', 'trace'], '--rate', NO_RATE);
  return withRates(scenario, (arrival) => {
    const highest = highestOf(ratesOf(arrival));
    return (rate) => {
      if (rate === 0) return 0;
      return { share: share * (typeof rate === 'number' ? rate / highest : 1), of };
    };
  });
}

function withRates(scenario: Scenario, to: (arrival: Arrival) => (rate: Rate) => Rate): Scenario {
  const phases = scenario.phases.map((phase) =>
    phase.arrival === undefined ? phase : { ...phase, arrival: mapRates(phase.arrival, to(phase.arrival)) },
  );
  return { ...scenario, phases };
}

function highestOf(rates: readonly Rate[]): number {
  return Math.max(...rates.filter((rate) => typeof rate === 'number'));
}
