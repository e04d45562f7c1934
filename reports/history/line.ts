// What is kept of a run in a history? One line of NDJSON: the commit, the surroundings, and the figures that a check judges.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Cell, Environment, RunResult } from '../../harness/result/result.ts';
import { median } from '../../stats/spread.ts';
import { checkMetricsOf } from '../check/metrics.ts';
import { bareName, sideOf } from '../check/sides.ts';

/** Raised when a reader of older lines must change. */
const HISTORY_SCHEMA_VERSION = 1;

const figureSchema = z.strictObject({
  contender: z.string(),
  scenario: z.string(),
  /** Where it stands in a cell: `cost.walBytesPerJob`. */
  metric: z.string(),
  /** Of the valid cells. */
  median: z.number(),
  min: z.number(),
  max: z.number(),
  n: z.int().min(1),
});

export const lineSchema = z.strictObject({
  historySchemaVersion: z.literal(HISTORY_SCHEMA_VERSION),
  /** When the run began. */
  at: z.iso.datetime(),
  commit: z.string().min(1),
  message: z.string().optional(),
  runId: z.string(),
  methodVersion: z.int(),
  /** What figures that are timed depend on. */
  machine: z.strictObject({
    cpuModel: z.string(),
    cores: z.int(),
    memoryBytes: z.int(),
    os: z.string(),
    node: z.string(),
  }),
  /** What all figures depend on: its major version, and a digest of its settings. */
  server: z.strictObject({ major: z.string(), durable: z.boolean(), settings: z.string() }),
  figures: z.array(figureSchema),
});

export type HistoryLine = z.infer<typeof lineSchema>;

/** The line of a bundle; of a check that of its head. Without figures where no cell is valid. */
export function lineOf(
  result: RunResult,
  about: { readonly commit: string; readonly message?: string },
): HistoryLine {
  const own = result.cells.filter(({ contender }) => sideOf(contender.name) !== 'base');
  const groups = Map.groupBy(own, ({ contender, scenario }) => JSON.stringify([contender.name, scenario]));
  return {
    historySchemaVersion: HISTORY_SCHEMA_VERSION,
    at: result.startedAt,
    ...about,
    ...{ runId: result.runId, methodVersion: result.methodVersion },
    machine: machineOf(result.environment),
    server: serverOf(result.environment),
    figures: [...groups.values()].flatMap(figuresOf),
  };
}

/** One incorrect cell voids its contender in the scenario, as in every table. */
function figuresOf(cells: readonly Cell[]): HistoryLine['figures'] {
  const [first] = cells;
  if (first === undefined || cells.some(({ verdict }) => verdict === 'incorrect')) return [];
  const valid = cells.filter(({ verdict }) => verdict === 'valid');
  const { contender, scenario, window } = first;
  return checkMetricsOf(window.loadModel).flatMap((metric) => {
    const values = valid.flatMap((cell) => metric.read(cell, []) ?? []);
    const middle = median(values);
    if (middle === undefined) return [];
    return [
      {
        ...{ contender: bareName(contender.name), scenario, metric: metric.path },
        ...{ median: middle, min: Math.min(...values), max: Math.max(...values), n: values.length },
      },
    ];
  });
}

function machineOf({ cpuModel, cores, memoryBytes, os, node }: Environment): HistoryLine['machine'] {
  return { cpuModel, cores, memoryBytes, os, node: majorOf(node) };
}

function serverOf({ server }: Environment): HistoryLine['server'] {
  const settings = Object.entries(server.settings)
    .filter(([name]) => name !== 'server_version')
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 12);
  return { major: majorOf(server.version), durable: server.durable, settings: digest };
}

function majorOf(version: string): string {
  return version.replace(/^v/, '').split('.')[0] ?? version;
}

/**
 * The lines of a file; and by their numbers from 1 those that are left out: the last one of a writer that was killed, and a run that stands
 * there already, as where two branches of the file were merged.
 */
export function readLines(text: string): {
  readonly lines: readonly HistoryLine[];
  readonly broken: readonly { readonly line: number; readonly why: string }[];
} {
  const lines: HistoryLine[] = [];
  const broken: { line: number; why: string }[] = [];
  for (const [i, written] of text.split('\n').entries()) {
    if (written.trim() === '') continue;
    const parsed = lineSchema.safeParse(parsedJson(written));
    if (parsed.success) {
      const { runId } = parsed.data;
      if (lines.some((line) => line.runId === runId))
        broken.push({ line: i + 1, why: `run ${runId} stands there already` });
      else lines.push(parsed.data);
    } else {
      const [issue] = parsed.error.issues;
      broken.push({ line: i + 1, why: `${issue?.path.join('.') || 'it'}: ${issue?.message}` });
    }
  }
  return { lines, broken };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
