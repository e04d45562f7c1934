// What does an HdrHistogram interval log hold? Reads it, and merges its intervals by addition.

import { build, decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';

/** One line of a log: the histogram of one tag over one interval. Values in microseconds, times from the start of the load. */
export type TaggedInterval = {
  readonly tag: string;
  readonly startSeconds: number;
  readonly lengthSeconds: number;
  readonly histogram: Histogram;
};

/** A log that cannot be believed; the message says where and why. */
export class HlogError extends Error {}

/**
 * The intervals of a log (format 1.3, `Tag=` prefix) whose tag is wanted, in the order of the file. Reads lines itself
 * instead of through HistogramLogReader, which decodes tags nobody asked for and takes a malformed number for NaN.
 *
 * @throws {HlogError} on a line that is neither comment, legend nor interval.
 */
export function readIntervals(text: string, wantedTags: ReadonlySet<string>): TaggedInterval[] {
  const intervals: TaggedInterval[] = [];
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    if (line === '' || line.startsWith('#') || line.startsWith('"')) continue;
    const fields = line.split(',');
    const tag = fields[0]?.startsWith('Tag=') ? (fields.shift()?.slice('Tag='.length) ?? '') : '';
    const [start, length, , encoded] = fields;
    const startSeconds = Number(start);
    const lengthSeconds = Number(length);
    if (
      fields.length !== 4 ||
      !Number.isFinite(startSeconds) ||
      !Number.isFinite(lengthSeconds) ||
      !encoded
    ) {
      throw new HlogError(`line ${index + 1} is not "[Tag=…,]start,length,max,histogram"`);
    }
    if (!wantedTags.has(tag)) continue;
    intervals.push({ tag, startSeconds, lengthSeconds, histogram: decode(encoded, index + 1) });
  }
  return intervals;
}

function decode(encoded: string, line: number): Histogram {
  try {
    return decodeFromCompressedBase64(encoded);
  } catch (cause) {
    throw new HlogError(`line ${line} holds no compressed histogram`, { cause });
  }
}

/** The sum of histograms: the only way to merge percentiles. `undefined` when there is nothing to count. */
export function mergeHistograms(histograms: readonly Histogram[]): Histogram | undefined {
  const filled = histograms.filter((histogram) => histogram.totalCount > 0);
  if (filled.length === 0) return undefined;
  const sum = build({ bitBucketSize: 32, autoResize: true, numberOfSignificantValueDigits: 3 });
  for (const histogram of filled) sum.add(histogram);
  return sum;
}
