// What does claimbench.config.ts say? Contenders, scenarios and limits of a check, validated, with defaults that work.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { oneLine, UsageError } from '../../harness/errors.ts';
import { importFile } from '../../harness/import-file.ts';
import { limitSchema } from '../../harness/result/result.ts';
import { CHECK_METRICS } from '../../reports/check/metrics.ts';
import { suggestion } from '../suggest.ts';

const METRIC_PATHS = CHECK_METRICS.map(({ path }) => path);

const checkSchema = z.strictObject({
  /** As `--contender` takes them: `skip-locked`, `batch?batch=100`, `./queue/my-strategy.ts`. */
  contenders: z.array(z.string().min(1)).min(1).optional(),
  /** Names or files. */
  scenarios: z.array(z.string().min(1)).min(1).optional(),
  /** How long is measured at most: `8m`. */
  budget: z.string().optional(),
  /** Run by a shell in the base's folder, in place of its package manager: `npm ci && npm run build`. */
  setup: z.string().min(1).optional(),
  /** The smallest worsening of a soft metric that fails, as a share. */
  minEffect: z.number().gt(0).lt(1).default(0.1),
  /** Limits of single metrics as a share, or `off`: `{ 'cost.walBytesPerJob': 0.02, 'latencyUs.pickup.p90': 'off' }`. */
  limits: z.record(z.string(), limitSchema).default({}),
});

const configSchema = z.strictObject({ check: checkSchema.prefault({}) });

export type Config = z.output<typeof configSchema>;
export type ConfigInput = z.input<typeof configSchema>;

const NAMES = [
  'claimbench.config.ts',
  'claimbench.config.mjs',
  'claimbench.config.js',
  'claimbench.config.json',
];

/**
 * The file that was named, or the one in the folder; without any, the defaults.
 * @throws UsageError for one that cannot be read, an unknown key or a value out of range.
 */
export async function readConfig(named: string | undefined, folder: string): Promise<Config> {
  const file = named === undefined ? NAMES.find((name) => existsSync(join(folder, name))) : named;
  if (file === undefined) return configSchema.parse({});
  const path = resolve(folder, file);
  if (!existsSync(path)) throw new UsageError(`--config ${file}: there is no such file`);
  let data: unknown;
  try {
    data = path.endsWith('.json')
      ? (await import(path, { with: { type: 'json' } })).default
      : (await importFile(path)).default;
  } catch (error) {
    throw new UsageError(`${file} could not be read: ${oneLine(error)}`, { cause: error });
  }
  if (data === undefined)
    throw new UsageError(`${file} has no default export: export default { check: { … } }`);
  const parsed = configSchema.safeParse(data);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UsageError(`${file}: ${issue?.path.join('.') || 'it'}: ${issue?.message}`);
  }
  const unknown = Object.keys(parsed.data.check.limits).find((name) => !METRIC_PATHS.includes(name));
  if (unknown !== undefined)
    throw new UsageError(
      `${file}: check.limits: there is no metric ${unknown}${suggestion(unknown, METRIC_PATHS)}`,
    );
  return parsed.data;
}
