// Which charts does a capacity bundle have?

import type { Bundle } from '../bundle.ts';
import { drainsOf } from '../capacity/drains.ts';
import { surfaceDurabilityMark, surfaceOf } from '../capacity/surface.ts';
import { capacityDurabilityMark } from '../capacity/verdict.ts';
import { drainCharts } from './capacity-drain.ts';
import { marginChart } from './capacity-margin.ts';
import { scalingChart } from './capacity-scaling.ts';
import { searchChart } from './capacity-search.ts';
import { sweepChart } from './capacity-sweep.ts';
import type { Chart } from './chart.ts';

/** In the order of the page; none without capacity. `server` stands before the words of each. */
export function capacityCharts(bundle: Bundle, server: string): Chart[] {
  const { result } = bundle;
  const { plan, scaling, search } = result.capacity ?? {};
  const mark = `${server}${capacityDurabilityMark(result)}`;
  const surface = surfaceOf(result);
  return [
    plan === undefined ? [] : marginChart(plan, mark),
    search === undefined ? [] : (searchChart(search, result.cells, mark) ?? []),
    scaling === undefined ? [] : (scalingChart(scaling, plan?.answer.recommended?.handlers, mark) ?? []),
    surface === undefined ? [] : (sweepChart(surface, surfaceDurabilityMark(surface)) ?? []),
    drainCharts(drainsOf(bundle), mark),
  ].flat();
}
