// How are latencies counted for a scrape? In fixed buckets, which add up over agents and cells.

/** The latencies that are served. */
export const LATENCIES = ['enqueue', 'pickup', 'service', 'response'] as const;
export type LatencyName = (typeof LATENCIES)[number];

/** Upper ends of the buckets, s; beyond the last is one more. */
export const BOUNDS_SECONDS = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60],
] as const;

const BOUNDS_US: readonly number[] = BOUNDS_SECONDS.map((seconds) => Math.round(seconds * 1e6));

/** Plain data, to be sent between processes. `counts[i]` lie in the i-th bucket alone, the last beyond all bounds. */
export interface Buckets {
  sumUs: number;
  readonly counts: number[];
}

export type LatencyBuckets = Readonly<Record<LatencyName, Buckets>>;

/** All at zero. */
export function emptyLatencies(): LatencyBuckets {
  const empty = (): Buckets => ({ sumUs: 0, counts: BOUNDS_US.map(() => 0).concat(0) });
  return { enqueue: empty(), pickup: empty(), service: empty(), response: empty() };
}

/** Counts one latency, µs; what is below zero, by the reading of two clocks, as zero. */
export function record(buckets: Buckets, valueUs: number): void {
  let low = 0;
  let high = BOUNDS_US.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueUs <= (BOUNDS_US[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  buckets.counts[low] = (buckets.counts[low] ?? 0) + 1;
  buckets.sumUs += Math.max(0, valueUs);
}

/** Adds the second to the first. */
export function addLatencies(to: LatencyBuckets, more: LatencyBuckets): void {
  for (const name of LATENCIES) {
    to[name].sumUs += more[name].sumUs;
    for (const [i, count] of more[name].counts.entries())
      to[name].counts[i] = (to[name].counts[i] ?? 0) + count;
  }
}
