// Which words decide a sweep? What the bundle keeps of the command line, so that an interrupted sweep goes on as it began.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseContender } from '../../harness/contenders/index.ts';
import { UsageError } from '../../harness/errors.ts';
import { withoutPassword } from '../command-line.ts';
import { measuringSchema } from '../measuring.ts';
import { suggestion } from '../suggest.ts';

export const sweepWordsSchema = measuringSchema
  .omit({ out: true, metrics: true, json: true, color: true })
  .extend({
    contender: z.string(),
    axis: z.array(z.string()),
    rate: z.string().optional(),
    seconds: z.number(),
    repeats: z.number(),
    refine: z.number(),
    seed: z.number(),
    /** Of a contender's file, so that another half is not measured of another contender. */
    contenderSha256: z.string().optional(),
  });

/** Everything but where the bundle lies and how it is shown. */
export type SweepWords = z.output<typeof sweepWordsSchema>;

/** A rate in jobs per second, or as a share of what the same point settles when its backlog never ends. */
export type SweepRate = number | { readonly shareOfCapacity: number };

/** Jobs per second, or `0.7 of capacity`. @throws UsageError for anything else. */
export function parseRate(text: string | undefined): SweepRate | undefined {
  if (text === undefined) return undefined;
  const [, share, of] = /^\s*(\d*\.?\d+)\s+of\s+(\S+)\s*$/.exec(text) ?? [];
  if (share !== undefined && of === 'capacity' && Number(share) > 0 && Number(share) <= 10)
    return { shareOfCapacity: Number(share) };
  const rate = Number(text);
  if (text.trim() !== '' && rate >= 0.1 && rate <= 1_000_000) return rate;
  throw new UsageError(`--rate ${text}: give jobs per second, or a share such as '0.7 of capacity'`);
}

/** Absent for a contender that comes with claimbench. */
export function digestOfContender(contender: string): string | undefined {
  const { source } = parseContender(contender, suggestion);
  if (source.kind !== 'file') return undefined;
  return createHash('sha256').update(readFileSync(source.path)).digest('hex');
}

/** What the bundle keeps of them: no password. */
export function keptWords(words: SweepWords): Record<string, unknown> {
  return { ...words, server: withoutPassword(words.server) };
}
