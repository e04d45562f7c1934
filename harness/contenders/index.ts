// Which contenders are there, and which one did the user mean?

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type StrategyFactory, strategies, wakeups } from '../../queue/index.ts';
import {
  type Axes,
  type Contender,
  type ContenderDefinition,
  type ContenderSpec,
  DRIVER_NAMES,
  type DriverName,
  type Target,
} from '../contender.ts';
import { oneLine, RuntimeFailure, UsageError } from '../errors.ts';
import { importFile } from '../import-file.ts';
import { CONTRACT_CLASSES } from '../result/result.ts';
import { nullContender } from './null.ts';
import { referenceQueue } from './reference-queue.ts';

/** Every built-in contender: the reference queue with each strategy, `notify`, and the null contender. */
export const CONTENDERS: readonly ContenderDefinition[] = [
  ...strategies.map((factory) => referenceQueue(factory, { name: factory.strategyName })),
  ...strategies
    .filter((factory) => factory.strategyName === 'skip-locked')
    .map((factory) =>
      referenceQueue(factory, {
        name: 'notify',
        summary: 'skip-locked, with a NOTIFY inside every enqueue instead of a coalesced one',
        axes: { wakeup: 'notify' },
        fixed: { wakeup: 'it is what this contender is made of; skip-locked takes any' },
      }),
    ),
  nullContender,
];

/**
 * Raised when contenders of an older copy can no longer be measured by this harness: `Contender` and all that it is given
 * are a seam between two versions where a run measures both.
 * @public read out of the other copy
 */
export const CONTENDER_SEAM = 1;

/** What is allowed, as the end of a sentence that begins with the value. */
const between = (min: number, max: number, kind = 'number') => {
  const said = `is no ${kind} from ${min} to ${max}`;
  return z.coerce
    .number({ error: () => said })
    .min(min, said)
    .max(max, said);
};
const whole = (min: number, max: number) => {
  const kind = 'whole number';
  return between(min, max, kind).int(`is no ${kind} from ${min} to ${max}`);
};

const axesSchema = z.object({
  batch: whole(1, 10_000).optional(),
  prefetch: whole(0, 10_000).optional(),
  claimsAtOnce: whole(1, 1_000).optional(),
  settle: z.enum(['each', 'batched'], { error: () => 'is neither each nor batched' }).optional(),
  settleDelayMs: whole(0, 60_000).optional(),
  concurrency: whole(1, 10_000).optional(),
  adaptive: whole(1, 10_000).optional(),
  wakeup: z.string().optional(),
  pollMs: whole(1, 3_600_000).optional(),
  leaseMs: whole(100, 86_400_000).optional(),
  fillfactor: whole(10, 100).optional(),
  driver: z.enum(DRIVER_NAMES, { error: () => `is neither ${DRIVER_NAMES.join(' nor ')}` }).optional(),
  pipeline: z.enum(['on', 'off'], { error: () => 'is neither on nor off' }).optional(),
});

/** How a wrong word is answered; the command line adds the nearest right one. */
export type Suggest = (wrong: string, known: readonly string[]) => string;

/**
 * Reads `name`, `name?axis=value&…`, or a path of a user's strategy or contender file, with or without axes.
 * @throws UsageError for an unknown contender, axis or value, or a file that does not exist.
 */
export function parseContender(text: string, suggest: Suggest): ContenderSpec {
  const mark = text.indexOf('?');
  const source = mark < 0 ? text : text.slice(0, mark);
  const query = mark < 0 ? '' : text.slice(mark + 1);
  const file = /[./\\]/.test(source);
  const definition = file ? undefined : CONTENDERS.find((c) => c.name === source);
  if (!file && definition === undefined) {
    throw new UsageError(
      `there is no contender ${source}${suggest(
        source,
        CONTENDERS.map((c) => c.name),
      )}`,
    );
  }
  const path = resolve(source);
  if (file && !existsSync(path)) {
    throw new UsageError(
      `the strategy file ${source} does not exist: give the path of a file, or a name (see claimbench list contenders)`,
    );
  }
  const axes = parseAxes(query, definition?.axes ?? REFERENCE_AXES, text, suggest);
  const closed = Object.entries(definition?.fixed ?? {}).filter(([axis]) => axis in axes);
  if (closed.length > 0) {
    const reasons = closed.map(([axis, reason]) => `no choice of ${axis}: ${reason}`);
    const names = closed.map(([axis]) => axis).join(' and ');
    throw new UsageError(`contender ${text}: ${source} has ${reasons.join('; ')}; leave ${names} out`);
  }
  return {
    // `batch?` is batch: reports would show two names for one.
    name: Object.keys(axes).length === 0 ? source : text,
    source: definition === undefined ? { kind: 'file', path } : { kind: 'built-in', name: definition.name },
    axes,
  };
}

const REFERENCE_AXES = Object.keys(axesSchema.shape);

/**
 * The same contender over `driver`, as if that axis had been written behind its name; as it is where it was written, and
 * where there is no such choice.
 */
export async function withDriver(spec: ContenderSpec, driver: DriverName): Promise<ContenderSpec> {
  const { axes, fixed } = await definitionOf(spec);
  if ('driver' in spec.axes || !axes.includes('driver') || fixed?.driver !== undefined) return spec;
  const mark = spec.name.includes('?') ? '&' : '?';
  return { ...spec, name: `${spec.name}${mark}driver=${driver}`, axes: { ...spec.axes, driver } };
}

function parseAxes(query: string, allowed: readonly string[], text: string, suggest: Suggest): Axes {
  const given: Record<string, string> = Object.create(null);
  for (const [axis, value] of new URLSearchParams(query)) {
    if (!allowed.includes(axis)) {
      throw new UsageError(`contender ${text}: there is no axis ${axis}${suggest(axis, allowed)}`);
    }
    if (axis in given) throw new UsageError(`contender ${text}: axis ${axis} is given twice`);
    if (value.trim() === '') throw new UsageError(`contender ${text}: axis ${axis} has no value`);
    given[axis] = value;
  }
  const wakeup = given['wakeup'];
  const names = wakeups.map((w) => w.wakeupName);
  if (wakeup !== undefined && !names.some((name) => name === wakeup)) {
    throw new UsageError(`contender ${text}: there is no wakeup ${wakeup}; there are: ${names.join(', ')}`);
  }
  const parsed = axesSchema.safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const axis = String(issue?.path[0]);
    throw new UsageError(`contender ${text}: axis ${axis}: ${given[axis]} ${issue?.message}`);
  }
  const entries = Object.entries(parsed.data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}

/** Makes the contender of a spec ready on a target. Rejects with UsageError when a user's file cannot be used. */
export async function openContender(spec: ContenderSpec, target: Target): Promise<Contender> {
  return (await definitionOf(spec)).open(target, spec.axes);
}

/** The definition behind a spec; loads a user's file. */
export async function definitionOf(spec: ContenderSpec): Promise<ContenderDefinition> {
  if (spec.source.kind === 'file') {
    const loaded = await loadFile(spec.source.path);
    if (isStrategyFactory(loaded)) return referenceQueue(loaded, { name: spec.name });
    const foreign = Object.keys(spec.axes).find((axis) => !loaded.axes.some((known) => known === axis));
    if (foreign === undefined) return loaded;
    throw new UsageError(
      `contender ${spec.name}: there is no axis ${foreign}; ${loaded.axes.length === 0 ? 'it takes none' : `there are: ${loaded.axes.join(', ')}`}`,
    );
  }
  const { name, tree } = spec.source;
  const known = tree === undefined ? CONTENDERS : await contendersOf(tree);
  const definition = known.find((c) => c.name === name);
  if (definition === undefined)
    throw new UsageError(`there is no contender ${name}${tree === undefined ? '' : ` in ${tree}`}`);
  return definition;
}

/**
 * The registry of another copy of claimbench, with its own queue, drivers and dependencies; measured by this harness.
 * @throws RuntimeFailure for a copy that is too old, or too new, or cannot be loaded.
 */
export async function contendersOf(tree: string): Promise<readonly ContenderDefinition[]> {
  const path = ['ts', 'js']
    .map((ending) => join(tree, `harness/contenders/index.${ending}`))
    .find((file) => existsSync(file));
  if (path === undefined)
    throw new RuntimeFailure(`${tree} holds no claimbench: it has no harness/contenders`);
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = await importFile(path);
  } catch (error) {
    throw new RuntimeFailure(`the contenders of ${tree} could not be loaded: ${oneLine(error)}`, {
      cause: error,
    });
  }
  if (loaded['CONTENDER_SEAM'] !== CONTENDER_SEAM) {
    const age = Number(loaded['CONTENDER_SEAM']) > CONTENDER_SEAM ? 'newer' : 'older';
    throw new RuntimeFailure(
      `the claimbench in ${tree} is ${age} than this one can measure: its contenders cannot be compared; take a base that has the command check, at the same seam (${CONTENDER_SEAM})`,
    );
  }
  const known = loaded['CONTENDERS'];
  if (!Array.isArray(known) || !known.every(isContenderDefinition))
    throw new RuntimeFailure(`the claimbench in ${tree} lists no contenders in harness/contenders/index`);
  return known;
}

async function loadFile(path: string): Promise<StrategyFactory | ContenderDefinition> {
  let loaded: { readonly default?: unknown };
  try {
    loaded = await importFile(path);
  } catch (error) {
    throw new UsageError(`the strategy file ${path} could not be loaded: ${oneLine(error)}`, {
      cause: error,
    });
  }
  if (isStrategyFactory(loaded.default)) return loaded.default;
  const lacking = lackOf(loaded.default);
  if (lacking === undefined && isContenderDefinition(loaded.default)) return loaded.default;
  throw new UsageError(
    lacking === undefined
      ? `the strategy file ${path} has no strategy as its default export: export default { strategyName, summary, create }, or a contender: { name, summary, class, axes, open }`
      : `the contender file ${path}: its default export ${lacking}`,
  );
}

const contenderSchema = z.object({
  name: z.string().min(1),
  summary: z.string().min(1),
  class: z.enum(CONTRACT_CLASSES),
  axes: z.array(z.enum(Object.keys(axesSchema.shape))),
  open: z.custom<ContenderDefinition['open']>((value) => typeof value === 'function', 'must be a function'),
});

/** What is wrong with a default export that means to be a contender, as one with `open` does; undefined for any other. */
function lackOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('open' in value)) return undefined;
  const issue = contenderSchema.safeParse(value).error?.issues[0];
  return issue === undefined ? undefined : `is no contender: ${issue.path.join('.')}: ${issue.message}`;
}

function isContenderDefinition(value: unknown): value is ContenderDefinition {
  return contenderSchema.safeParse(value).success;
}

function isStrategyFactory(value: unknown): value is StrategyFactory {
  if (typeof value !== 'object' || value === null) return false;
  const { strategyName, create }: { strategyName?: unknown; create?: unknown } = value;
  return typeof strategyName === 'string' && typeof create === 'function';
}
