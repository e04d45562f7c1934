// Which scenarios did the user ask for? Names out of the registry, or files of the user's own.

import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { LineCounter, parseAllDocuments } from 'yaml';
import { oneLine, UsageError } from '../harness/errors.ts';
import { importFile } from '../harness/import-file.ts';
import { BUILT_IN_SCENARIOS, SUITES, type Suite } from '../scenarios/index.ts';
import { type Scenario, scenarioSchema } from '../scenarios/scenario.ts';
import { requireFit } from './adjust-scenario.ts';
import { issueText } from './scenario-issues.ts';
import { suggestion } from './suggest.ts';
import { readTrace } from './trace.ts';

/** How a scenario is run: as it is, or in the short form that it gives itself. */
export const SCALES = ['full', 'smoke'] as const;
export type Scale = (typeof SCALES)[number];

/** A scenario by name, or from a `.ts`, `.js`, `.mjs` (default export), `.yaml` or `.json` file, with the traces that it names. */
export async function loadScenario(reference: string, scale: Scale = 'full'): Promise<Scenario> {
  if (!/[./\\]/.test(reference)) {
    const found = BUILT_IN_SCENARIOS.find((scenario) => scenario.name === reference);
    if (found !== undefined) return parseScenario(found, reference, scale);
    const names = BUILT_IN_SCENARIOS.map((scenario) => scenario.name);
    throw new UsageError(`there is no scenario ${reference}${suggestion(reference, names)}`);
  }
  const path = resolve(reference);
  if (!existsSync(path)) {
    throw new UsageError(
      `the scenario file ${reference} does not exist: give the path of a .ts, .js, .mjs, .yaml or .json file, or a name (see claimbench list scenarios)`,
    );
  }
  const data = await readScenario(path, reference);
  return await withTraces(parseScenario(data, reference, scale), dirname(path));
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

const MODULES: ReadonlySet<string> = new Set(['.ts', '.mts', '.js', '.mjs']);

async function readScenario(path: string, reference: string): Promise<unknown> {
  const ending = extname(path).toLowerCase();
  const isText = ending === '.json' || ending === '.yaml' || ending === '.yml';
  if (!statSync(path).isFile() || !(isText || MODULES.has(ending)))
    throw new UsageError(`${reference} is no scenario file: give a .ts, .js, .mjs, .yaml or .json file`);
  try {
    if (isText) {
      const text = (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
      return withoutSchema(ending === '.json' ? JSON.parse(text) : readYaml(text));
    }
    const loaded = await importFile(path);
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

/** Throws with the first fault and its place; what would only be warned of, as a tag that means nothing, is one. */
function readYaml(text: string): unknown {
  const lines = new LineCounter();
  const [document, second] = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if (document === undefined || !('errors' in document)) return null;
  if (second !== undefined) throw new Error('it holds several documents: leave one, and no line of ---');
  const [fault] = [...document.errors, ...document.warnings];
  if (fault === undefined) return document.toJS();
  const { line, col } = lines.linePos(fault.pos[0]);
  throw new Error(`line ${line}, column ${col}: ${fault.message}`);
}

/** `$schema` is for editors. */
function withoutSchema(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || !('$schema' in data)) return data;
  const { $schema: _schema, ...rest } = data;
  return rest;
}

/**
 * Validates a scenario's data, with every default filled in; at the scale `smoke` its short form. An error names the first wrong
 * part, and for an unknown key the nearest right one; one of the short form is found whichever is asked for.
 */
export function parseScenario(data: unknown, reference: string, scale: Scale = 'full'): Scenario {
  const full = validated(data, `scenario ${reference}`);
  const { smoke, ...scenario } = full;
  if (smoke === undefined) {
    if (scale === 'full') return scenario;
    throw new UsageError(
      `scenario ${reference} has no form for --scale smoke: give it smoke: { … } with the keys that are to be others, or leave --scale out`,
    );
  }
  for (const key of ['name', 'question', 'group', 'smoke'])
    if (Object.hasOwn(smoke, key))
      throw new UsageError(`scenario ${reference}, smoke: ${key} stays as it is: leave it out`);
  const { smoke: _smoke, ...short } = validated(smokeForm(data), `scenario ${reference}, smoke`);
  return scale === 'full' ? scenario : short;
}

/** Each key of `smoke` stands in the place of the scenario's own; `smoke: {}` keeps all. */
function smokeForm(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || !('smoke' in data)) return data;
  const { smoke, ...own } = data;
  return typeof smoke === 'object' ? { ...own, ...smoke } : own;
}

function validated(data: unknown, what: string): Scenario {
  const parsed = scenarioSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new UsageError(`${what}: ${issueText(parsed.error, data)}`);
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
