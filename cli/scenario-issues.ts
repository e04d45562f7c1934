// What is wrong with a scenario, in one line: where, and what was meant?

import { z } from 'zod';
import { SCENARIO_KEYS, scenarioSchema } from '../scenarios/scenario.ts';
import { nearest, suggestion } from './suggest.ts';

/** The first wrong part; for an unknown key the nearest right one. A misspelt key is missing as well: what was written says more than what was not. */
export function issueText(error: z.ZodError, data: unknown): string {
  const issues = error.issues.flatMap((issue) => withinUnion(issue));
  const issue = issues.find((i) => i.code === 'unrecognized_keys') ?? issues[0];
  return issue === undefined ? 'is not valid' : describeIssue(issue, data);
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
  return `${where === '' ? '' : `${where}: `}${issue.message}${figureHint(issue)}`;
}

/** The figure that an expectation may have meant. There are too many to name them all. */
function figureHint(issue: z.core.$ZodIssue): string {
  const hint = z.object({ unknown: z.string(), known: z.array(z.string()) });
  const { success, data } = hint.safeParse(issue.code === 'custom' ? issue.params : undefined);
  if (!success) return '';
  const near = nearest(data.unknown, data.known);
  return near === undefined
    ? '; there are settled, lost, pickup.p99 and others: docs/expectations.md lists them'
    : `; did you mean ${near}?`;
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
