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
  const at = where === '' ? '' : `${where}: `;
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const known = where === '' ? SCENARIO_KEYS : nestedKeys(issue.path, data);
    return `unknown key ${where === '' ? '' : `${where}.`}${key}${suggestion(key, known)}`;
  }
  const written = issue.path.reduce<unknown>((found, part) => field(found, String(part)), data);
  const words = wordsOf(issue, data);
  if (words !== undefined) {
    if (written === undefined) return `${where} is missing; there are: ${words.join(', ')}`;
    return typeof written === 'string'
      ? `${at}there is no ${written}${suggestion(written, words)}`
      : `${at}must be one of ${words.join(', ')}, and is ${kindOf(written)}`;
  }
  const kinds = kindsWanted(issue);
  if (kinds !== undefined) {
    if (where !== '' && written === undefined) return `${where} is missing: give it ${kinds}`;
    return `${at}must be ${kinds}, and is ${kindOf(written)}`;
  }
  return `${at}${issue.message}${figureHint(issue)}`;
}

/** The words that may stand where another one does, or none; `undefined` for what is no choice of words. */
function wordsOf(issue: z.core.$ZodIssue, data: unknown): readonly string[] | undefined {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code !== 'invalid_union' || issue.discriminator === undefined) return undefined;
  const { discriminator } = issue;
  const tags = nodesAt(issue.path.slice(0, -1), data)
    .flatMap(alternatives)
    .flatMap((option) => field(field(field(option, 'properties'), discriminator), 'const') ?? []);
  return tags.map(String);
}

const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object of keys and values',
  record: 'an object of keys and values',
};

/** What may stand where something of another kind does, or nothing. */
function kindsWanted(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === 'invalid_type') return KINDS[issue.expected] ?? issue.expected;
  if (issue.code !== 'invalid_union' || issue.discriminator !== undefined) return undefined;
  const kinds = issue.errors.flatMap((errors) => errors.flatMap((one) => kindsWanted(one) ?? []));
  return kinds.length === 0 ? undefined : [...new Set(kinds)].join(', or ');
}

function kindOf(written: unknown): string {
  if (written === null || written === undefined) return 'empty';
  if (Array.isArray(written)) return 'a list';
  if (typeof written === 'object') return 'an object of keys and values';
  if (typeof written === 'string') return `the text '${written.slice(0, 40)}'`;
  return typeof written === 'number' || typeof written === 'boolean'
    ? String(written)
    : `a ${typeof written}`;
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

/** Keys of the scenario's inner objects. */
function nestedKeys(path: readonly PropertyKey[], data: unknown): readonly string[] {
  let written: unknown = data;
  for (const part of path) written = field(written, String(part));
  const nodes = nodesAt(path, data).flatMap((node) => meant(node, written));
  return [...new Set(nodes.flatMap(propertiesOf))];
}

/** What may stand at a place, read from the published JSON Schema so that it cannot differ from it. */
function nodesAt(path: readonly PropertyKey[], data: unknown): readonly unknown[] {
  let nodes: readonly unknown[] = [z.toJSONSchema(scenarioSchema, { io: 'input' })];
  let written: unknown = data;
  for (const part of path.map(String)) {
    nodes = nodes
      .flatMap((node) => meant(node, written))
      .flatMap((node) =>
        /^\d+$/.test(part) ? field(node, 'items') : field(field(node, 'properties'), part),
      );
    written = field(written, part);
  }
  return nodes;
}

function alternatives(node: unknown): readonly unknown[] {
  const options = field(node, 'anyOf') ?? field(node, 'oneOf');
  return Array.isArray(options) ? options : [node];
}

/** The alternatives of a schema that what was written belongs to, by the word that tells them apart (`model`, `fault`, `time`); all, when it says none. */
function meant(node: unknown, written: unknown): readonly unknown[] {
  const options = alternatives(node);
  const found = options.filter((option) =>
    Object.entries(field(option, 'properties') ?? {}).every(([key, value]) => {
      const tag = field(value, 'const');
      return tag === undefined || tag === field(written, key);
    }),
  );
  return found.length === 0 ? options : found;
}

function propertiesOf(node: unknown): readonly string[] {
  const names = field(field(node, 'propertyNames'), 'enum');
  if (Array.isArray(names)) return names.map(String);
  const properties = field(node, 'properties');
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
}

function field(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? Reflect.get(node, name) : undefined;
}
