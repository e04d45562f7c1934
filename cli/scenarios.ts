// Which scenarios did the user ask for? Names out of the registry, or files of the user's own.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { oneLine, UsageError } from '../harness/errors.ts';
import { BUILT_IN_SCENARIOS, SUITES, type Suite } from '../scenarios/index.ts';
import { SCENARIO_KEYS, type Scenario, scenarioSchema, totalSeconds } from '../scenarios/scenario.ts';
import { suggestion } from './suggest.ts';

/** A scenario by name, or from a `.ts`, `.js`, `.mjs` (default export) or `.json` file. */
export async function loadScenario(reference: string): Promise<Scenario> {
  if (!/[./\\]/.test(reference)) {
    const found = BUILT_IN_SCENARIOS.find((scenario) => scenario.name === reference);
    if (found !== undefined) return parseScenario(found, reference);
    const names = BUILT_IN_SCENARIOS.map((scenario) => scenario.name);
    throw new UsageError(`there is no scenario ${reference}${suggestion(reference, names)}`);
  }
  const path = resolve(reference);
  if (!existsSync(path)) throw new UsageError(`the scenario file ${reference} does not exist`);
  return parseScenario(await readScenario(path, reference), reference);
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
  throw new UsageError(`scenario ${reference}: ${describeIssue(issue)}`);
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

function describeIssue(issue: z.core.$ZodIssue): string {
  const where = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const known = where === '' ? SCENARIO_KEYS : nestedKeys(where);
    return `unknown key ${where === '' ? '' : `${where}.`}${key}${suggestion(key, known)}`;
  }
  return `${where === '' ? '' : `${where}: `}${issue.message}`;
}

/** Keys of the scenario's inner objects, read from the published JSON Schema so that they cannot differ from it. */
function nestedKeys(where: string): readonly string[] {
  let node: unknown = z.toJSONSchema(scenarioSchema, { io: 'input' });
  for (const part of where.split('.')) {
    node = /^\d+$/.test(part) ? field(node, 'items') : field(field(node, 'properties'), part);
  }
  return [...new Set([node, ...alternatives(node)].flatMap(propertiesOf))];
}

function alternatives(node: unknown): readonly unknown[] {
  const options = field(node, 'anyOf') ?? field(node, 'oneOf');
  return Array.isArray(options) ? options : [];
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

/** The scenario with its whole load lasting `seconds`: phases, warm-up and the times of faults are stretched alike. */
export function withDuration(scenario: Scenario, seconds: number): Scenario {
  const factor = seconds / totalSeconds(scenario);
  return {
    ...scenario,
    warmupSeconds: Math.min(scenario.warmupSeconds, seconds / 4),
    phases: scenario.phases.map((phase) => ({ ...phase, seconds: phase.seconds * factor })),
    faults: scenario.faults.map((fault) => ({ ...fault, atSeconds: fault.atSeconds * factor })),
    ...(scenario.preloadJobs > 0 && factor > 1
      ? { preloadJobs: Math.ceil(scenario.preloadJobs * factor) }
      : {}),
  };
}

/** The scenario at another rate: its highest phase gets `ratePerSec`, the others keep their proportion to it. */
export function withRate(scenario: Scenario, ratePerSec: number): Scenario {
  const rates = scenario.phases.flatMap((p) =>
    typeof p.arrival?.ratePerSec === 'number' ? [p.arrival.ratePerSec] : [],
  );
  const highest = Math.max(...rates);
  return {
    ...scenario,
    phases: scenario.phases.map((phase) => {
      if (phase.arrival === undefined) return phase;
      const own = typeof phase.arrival.ratePerSec === 'number' ? phase.arrival.ratePerSec / highest : 1;
      return { ...phase, arrival: { ...phase.arrival, ratePerSec: ratePerSec * own } };
    }),
  };
}

/** The scenario with every open-loop rate as a share of what the contender settles in `of`. */
export function withRateShare(scenario: Scenario, share: number, of: string): Scenario {
  return {
    ...scenario,
    phases: scenario.phases.map((phase) =>
      phase.arrival === undefined
        ? phase
        : { ...phase, arrival: { ...phase.arrival, ratePerSec: { share, of } } },
    ),
  };
}
