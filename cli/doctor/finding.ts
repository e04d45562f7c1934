// What does the doctor say, in text and as JSON?

import { z } from 'zod';

/** One finding as `doctor --json` prints it. `fail`: claimbench cannot do its work here. `warn`: it can, with the stated loss. */
export const findingSchema = z.strictObject({
  level: z.enum(['ok', 'warn', 'fail']),
  /** A stable name. */
  what: z.string(),
  detail: z.string(),
  /** The figures in `detail`, for programs; absent where there are none. Units end the names. */
  values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});

export type Finding = z.infer<typeof findingSchema>;

/** A line for each finding, in columns. */
export function textOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((f) => f.what.length));
  return findings.map((f) => `${f.level.padEnd(4)}  ${f.what.padEnd(width)}  ${f.detail}\n`).join('');
}

/** `ok` when it holds, else a warning. */
export function okIf(holds: boolean): 'ok' | 'warn' {
  return holds ? 'ok' : 'warn';
}
