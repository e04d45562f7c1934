// Which percentile of a search's probes can be shown, where short loads at low rates have too few jobs for the SLO's own?

import type { Cell, LatencySlo, Probe, Search } from '../../harness/result/result.ts';

/** One percentile for all probes: two of them on one axis would be no comparison. */
export type ProbeLatency = {
  readonly term: LatencySlo;
  /** That of the SLO, or a lower one that more probes may quote. */
  readonly percentile: number;
  /** In the order of the probes, µs; absent where it may not be quoted. */
  readonly valuesUs: readonly (number | undefined)[];
};

/** Below the SLO's own, from the highest. */
const LOWER = [
  { percentile: 99, key: 'p99' },
  { percentile: 95, key: 'p95' },
  { percentile: 90, key: 'p90' },
  { percentile: 50, key: 'p50' },
] as const;
/** The share of the probes with figures that must have a percentile for it to be shown. */
const ENOUGH = 0.8;

/** The SLO's percentile if most probes have it, else the highest that most have; `undefined` without a latency in the SLO, or any figure. */
export function probeLatency(search: Search, cells: readonly Cell[]): ProbeLatency | undefined {
  const term = search.slo.find((one): one is LatencySlo => one.of !== 'deadTuples');
  if (term === undefined) return undefined;
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  const own = search.probes.map(({ percentileUs }) => positive(percentileUs));
  const lower = LOWER.filter(({ percentile }) => percentile < term.percentile).map(({ percentile, key }) => ({
    percentile,
    valuesUs: search.probes.map((probe) => lowerOf(probe, byId.get(probe.cell), term, key)),
  }));
  const offers = [{ percentile: term.percentile, valuesUs: own }, ...lower];
  const countOf = ({ valuesUs }: (typeof offers)[number]): number =>
    valuesUs.filter((value) => value !== undefined).length;
  const needed = search.probes.filter(({ outcome }) => outcome !== 'void').length * ENOUGH;
  const most = Math.max(...offers.map(countOf));
  const chosen = offers.find((one) => countOf(one) >= needed) ?? offers.find((one) => countOf(one) === most);
  return chosen === undefined || most === 0 ? undefined : { term, ...chosen };
}

function lowerOf(
  { outcome }: Probe,
  cell: Cell | undefined,
  { of }: LatencySlo,
  key: (typeof LOWER)[number]['key'],
): number | undefined {
  if (outcome === 'void' || cell?.verdict !== 'valid') return undefined;
  return positive(cell.latencyUs?.[of]?.[key]);
}

/** Zero has no place on a logarithmic axis. */
function positive(valueUs: number | undefined): number | undefined {
  return valueUs !== undefined && valueUs > 0 ? valueUs : undefined;
}
