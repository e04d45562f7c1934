// What did a run leave in its folder? Reads and validates a bundle; every error names the file and the mend.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Histogram } from 'hdr-histogram-js';
import { z } from 'zod';
import {
  BUNDLE,
  type BystanderFigures,
  type Cell,
  METHOD_VERSION,
  type Plan,
  planSchema,
  type RunResult,
  resultSchema,
  type Sample,
  SCHEMA_VERSION,
  sampleSchema,
} from '../harness/result/result.ts';
import { HlogError, mergeHistograms, readIntervals } from './hlog.ts';

/** A bundle that cannot be reported. The message is one line: which file, what is wrong, and the mend. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
  /** A folder that holds no sound bundle is a mistake in the command's input: usage. */
  readonly exitCode = 1;
}

export type LoadSample = Extract<Sample, { kind: 'load' }>;
export type ServerSample = Extract<Sample, { kind: 'server' }>;
export type BystanderSample = Extract<Sample, { kind: 'bystander' }>;

/** Latencies that have a curve of their own. */
export const CURVES = ['pickup', 'response', 'service'] as const;
export type CurveMetric = (typeof CURVES)[number];

/** All that a report is made from. Maps are keyed by cell id; a cell without figures is absent from `histograms`. */
export type Bundle = {
  readonly result: RunResult;
  readonly load: ReadonlyMap<string, readonly LoadSample[]>;
  readonly server: ReadonlyMap<string, readonly ServerSample[]>;
  /** Of cells whose scenario has a bystander. */
  readonly bystander: ReadonlyMap<string, readonly BystanderSample[]>;
  /** All measured samples of the cell. */
  readonly histograms: ReadonlyMap<string, ReadonlyMap<CurveMetric, Histogram>>;
  /** Of valid cells with a bystander: its latencies, phase by phase; undefined for one in which nothing was due. */
  readonly bystanderHistograms: ReadonlyMap<string, readonly (Histogram | undefined)[]>;
  /** Plans of the cell's statements; none where they were not seen. */
  readonly plans: ReadonlyMap<string, readonly Plan[]>;
};

/**
 * Reads DIR/result.json, DIR/samples.ndjson, DIR/plans.ndjson if there is one, and the histograms of all valid cells. Invalid and incorrect cells have no
 * place in a curve, so their logs are not asked for.
 *
 * @throws {BundleError} when a file is missing, malformed or of another schema version.
 */
export async function readBundle(dir: string): Promise<Bundle> {
  const result = await readResult(dir);
  const ids = new Set(result.cells.map((cell) => cell.id));
  const samples = await readSamples(dir, ids);
  const plans = await readPlans(dir, ids);
  const histograms = new Map<string, ReadonlyMap<CurveMetric, Histogram>>();
  const bystanderHistograms = new Map<string, readonly (Histogram | undefined)[]>();
  for (const cell of result.cells) {
    if (cell.verdict !== 'valid') continue;
    if (cell.bystander !== undefined)
      bystanderHistograms.set(cell.id, await readPhases(dir, cell, cell.bystander.phases));
    if (CURVES.every((metric) => cell.latencyUs?.[metric] === undefined)) continue;
    histograms.set(cell.id, await readHistograms(dir, cell));
  }
  return { result, ...samples, histograms, bystanderHistograms, plans };
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'a folder, and not a file',
};

const WRITTEN_BY = 'give the folder that claimbench run, search, sweep or plan wrote with --out';

async function readText(dir: string, file: string, mend: string): Promise<string> {
  try {
    return await readFile(path.join(dir, file), 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    if (code === 'ENOTDIR')
      throw new BundleError(
        `${dir} is no bundle folder; give the folder that \`claimbench run --out\` wrote`,
        {
          cause,
        },
      );
    throw new BundleError(`${path.join(dir, file)}: ${UNREADABLE[code] ?? code}; ${mend}`, { cause });
  }
}

/**
 * Reads DIR/result.json alone. `anyMethod` lets a bundle of another method version through, for whoever marks it.
 *
 * @throws {BundleError} as `readBundle` does.
 */
export async function readResult(
  dir: string,
  options: { readonly anyMethod: boolean } = { anyMethod: false },
): Promise<RunResult> {
  const file = path.join(dir, BUNDLE.result);
  const text = await readText(dir, BUNDLE.result, WRITTEN_BY);
  const json = parseJson(text, file, 'it was cut short or edited; run again');
  const versions = z.looseObject({ schemaVersion: z.number(), methodVersion: z.number() }).safeParse(json);
  if (!versions.success)
    throw new BundleError(`${file}: no claimbench result; ${firstIssue(versions.error)}`);
  const { schemaVersion, methodVersion } = versions.data;
  const otherMethod = methodVersion !== METHOD_VERSION && !options.anyMethod;
  if (schemaVersion !== SCHEMA_VERSION || otherMethod) {
    throw new BundleError(
      `${file}: schema ${schemaVersion}, method ${methodVersion}, but this claimbench reads schema ${SCHEMA_VERSION}, ` +
        `method ${METHOD_VERSION}; render it with the claimbench that wrote it`,
    );
  }
  const parsed = resultSchema.safeParse(json);
  if (!parsed.success)
    throw new BundleError(`${file}: ${firstIssue(parsed.error)}; run again, or undo the edit`);
  const ids = new Set<string>();
  for (const cell of parsed.data.cells) {
    if (ids.has(cell.id)) throw new BundleError(`${file}: two cells have the id ${cell.id}; run again`);
    ids.add(cell.id);
  }
  return parsed.data;
}

function parseJson(text: string, where: string, mend: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BundleError(`${where}: not JSON; ${mend}`, { cause });
  }
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'malformed' : `${issue.path.join('.') || 'the whole'}: ${issue.message}`;
}

async function readSamples(
  dir: string,
  cells: ReadonlySet<string>,
): Promise<Pick<Bundle, 'load' | 'server' | 'bystander'>> {
  const text = await readText(dir, BUNDLE.samples, 'restore it from the run, or run again');
  const load = new Map<string, LoadSample[]>();
  const server = new Map<string, ServerSample[]>();
  const bystander = new Map<string, BystanderSample[]>();
  for (const sample of parseLines(text, path.join(dir, BUNDLE.samples), sampleSchema)) {
    // A run that was interrupted leaves samples of the cell it did not finish; that cell has no place in the report.
    if (!cells.has(sample.cell)) continue;
    if (sample.kind === 'load') append(load, sample.cell, sample);
    else if (sample.kind === 'server') append(server, sample.cell, sample);
    else append(bystander, sample.cell, sample);
  }
  for (const list of [...load.values(), ...server.values(), ...bystander.values()])
    list.sort((a, b) => a.t - b.t);
  return { load, server, bystander };
}

/** Runs without plans have no such file. */
async function readPlans(dir: string, cells: ReadonlySet<string>): Promise<Bundle['plans']> {
  const plans = new Map<string, Plan[]>();
  const file = path.join(dir, BUNDLE.plans);
  if (!existsSync(file)) return plans;
  const text = await readText(dir, BUNDLE.plans, 'restore it from the run, or delete it');
  for (const plan of parseLines(text, file, planSchema)) {
    if (cells.has(plan.cell)) append(plans, plan.cell, plan);
  }
  return plans;
}

function parseLines<T>(text: string, file: string, schema: z.ZodType<T>): T[] {
  const mend = 'delete that line, or run again';
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const where = `${file}:${index + 1}`;
    const parsed = schema.safeParse(parseJson(line, where, mend));
    if (!parsed.success) throw new BundleError(`${where}: ${firstIssue(parsed.error)}; ${mend}`);
    return [parsed.data];
  });
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

async function readHistograms(dir: string, cell: Cell): Promise<ReadonlyMap<CurveMetric, Histogram>> {
  return await readingLog(dir, cell, (text) => {
    const intervals = readIntervals(text, new Set(CURVES));
    const merged = new Map<CurveMetric, Histogram>();
    for (const metric of CURVES) {
      const sum = mergeHistograms(intervals.flatMap((one) => (one.tag === metric ? one.histogram : [])));
      if (sum !== undefined) merged.set(metric, sum);
      requireCount(metric, sum, cell.latencyUs?.[metric]?.count);
    }
    return merged;
  });
}

/** The bystander's lines come in the order of the phases in which anything was due. */
async function readPhases(
  dir: string,
  cell: Cell,
  phases: BystanderFigures['phases'],
): Promise<readonly (Histogram | undefined)[]> {
  return await readingLog(dir, cell, (text) => {
    const intervals = readIntervals(text, new Set(['bystander']));
    return phases.map(({ latencyUs }) => {
      const histogram = latencyUs === undefined ? undefined : intervals.shift()?.histogram;
      requireCount('bystander', histogram, latencyUs?.count);
      return histogram;
    });
  });
}

/** A log holds measured samples only, so both files must count the same ones; if not, they are of different runs. */
function requireCount(what: string, found: Histogram | undefined, declared = 0): void {
  const counted = found?.totalCount ?? 0;
  if (counted !== declared)
    throw new HlogError(`${counted} ${what} samples, where ${BUNDLE.result} has ${declared}`);
}

async function readingLog<T>(dir: string, cell: Cell, read: (text: string) => T): Promise<T> {
  const file = path.join(BUNDLE.histograms, `${cell.id}.hlog`);
  if (path.dirname(file) !== BUNDLE.histograms) {
    throw new BundleError(
      `${path.join(dir, BUNDLE.result)}: the cell id ${cell.id} is no file name; run again`,
    );
  }
  const text = await readText(dir, file, 'restore the histograms folder, or run again');
  try {
    return read(text);
  } catch (cause) {
    if (!(cause instanceof HlogError)) throw cause;
    throw new BundleError(`${path.join(dir, file)}: ${cause.message}; restore the file, or run again`, {
      cause,
    });
  }
}
