// How are latencies counted? HDR histograms in microseconds, three significant digits, and what may be quoted of them.

import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { Percentiles } from '../result/result.ts';

const HIGHEST_US = 24 * 3600 * 1e6;

/** A histogram beside the exact extremes: HDR buckets round the maximum, and cannot hold a value below zero. */
export class LatencyHistogram {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    autoResize: false,
    useWebAssembly: false,
  });
  #minUs = Number.POSITIVE_INFINITY;
  #maxUs = Number.NEGATIVE_INFINITY;
  #sumUs = 0;
  #unfinished = 0;
  #unfinishedFromUs = Number.POSITIVE_INFINITY;
  /** Values below zero: counted as 0 in the buckets, shown by `min`, never discarded. */
  negative = 0;

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** @throws RangeError for NaN, which would be counted as a 0 that nobody measured. */
  record(valueUs: number): void {
    if (Number.isNaN(valueUs)) throw new RangeError('a latency is not a number');
    if (valueUs < 0) this.negative += 1;
    if (valueUs < this.#minUs) this.#minUs = valueUs;
    if (valueUs > this.#maxUs) this.#maxUs = valueUs;
    this.#sumUs += valueUs;
    this.#histogram.recordValue(Math.min(HIGHEST_US, Math.max(0, Math.round(valueUs))));
  }

  /** The age of what had not ended yet: its latency is that or more. @throws RangeError for NaN. */
  recordUnfinished(ageUs: number): void {
    this.record(ageUs);
    this.#unfinished += 1;
    if (ageUs < this.#unfinishedFromUs) this.#unfinishedFromUs = ageUs;
  }

  /** Absent when nothing was recorded. A percentile with fewer than 100 samples beyond it is absent. */
  percentiles(): Percentiles | undefined {
    const { count } = this;
    if (count === 0) return undefined;
    const at = (percent: number): number | undefined => this.quotable(percent);
    const [p50, p90, p95, p99, p999] = [at(50), at(90), at(95), at(99), at(99.9)];
    return {
      count,
      min: Math.round(this.#minUs),
      mean: Math.round(this.#sumUs / count),
      ...(p50 === undefined ? {} : { p50 }),
      ...(p90 === undefined ? {} : { p90 }),
      ...(p95 === undefined ? {} : { p95 }),
      ...(p99 === undefined ? {} : { p99 }),
      ...(p999 === undefined ? {} : { p999 }),
      max: Math.round(this.#maxUs),
      ...(this.#unfinished === 0
        ? {}
        : { unfinished: this.#unfinished, unfinishedFromUs: Math.round(this.#unfinishedFromUs) }),
    };
  }

  /** The percentile, or undefined with fewer than 100 samples beyond it. */
  quotable(percent: number): number | undefined {
    const beyond = Math.floor(this.count * (1 - percent / 100) + 1e-9);
    return beyond < 100 ? undefined : this.#at(percent);
  }

  /** The percentile of however few samples, for limits of the audit; never to be published. */
  unquotable(percent: number): number {
    return this.count === 0 ? 0 : this.#at(percent);
  }

  /** A bucket is named by its upper end, which must not exceed the exact maximum. */
  #at(percent: number): number {
    return Math.min(this.#histogram.getValueAtPercentile(percent), Math.max(0, Math.round(this.#maxUs)));
  }

  get maxUs(): number {
    return this.#maxUs;
  }

  /** One line of an interval log (format 1.3): tag, start and length in seconds, maximum in ms, buckets. */
  logLine(tag: string, startSeconds: number, lengthSeconds: number): string {
    const maxMs = (this.#histogram.maxValue / 1000).toFixed(3);
    const head = `Tag=${tag},${startSeconds.toFixed(3)},${lengthSeconds.toFixed(3)},${maxMs}`;
    return `${head},${encodeIntoCompressedBase64(this.#histogram)}`;
  }

  reset(): void {
    this.#histogram.reset();
    this.#minUs = Number.POSITIVE_INFINITY;
    this.#maxUs = Number.NEGATIVE_INFINITY;
    this.#sumUs = 0;
    this.#unfinished = 0;
    this.#unfinishedFromUs = Number.POSITIVE_INFINITY;
    this.negative = 0;
  }
}
