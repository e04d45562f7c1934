// What did a settled job cost, resource by resource?

import { spread } from '../../stats/spread.ts';
import { formatNumber } from '../render/format.ts';
import { COSTS, type Panel } from '../summary.ts';
import { figureCell, type Table } from './table.ts';

/** The cost table of a panel. */
export function costTable(panel: Panel): Table {
  const rows = panel.rows.filter((row) => row.state === 'measured');
  return {
    caption: `Cost per settled job: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      ...COSTS.map(({ label, unit }) => ({ label: `${label}, ${unit}`, numeric: true })),
      { label: 'Full-page images, share of WAL', numeric: true },
      { label: 'Preload WAL, B/job', hint: 'per enqueued job, before the load', numeric: true },
    ],
    rows: rows.map((row) => {
      const extra = (key: 'walFullPageImageShare' | 'preloadWalBytesPerJob') => {
        const found = spread(row.measured.flatMap((cell) => cell.cost?.[key] ?? []));
        return figureCell(
          found ? { kind: 'measured', spread: found } : { kind: 'absent', why: 'not measured' },
          formatNumber,
        );
      };
      return {
        series: row.series,
        cells: [
          { text: row.series.label },
          ...COSTS.map(({ key }) => figureCell(row.cost[key], formatNumber)),
          extra('walFullPageImageShare'),
          extra('preloadWalBytesPerJob'),
        ],
      };
    }),
    notes: [
      'Over the whole load, warm-up included: median [smallest–largest] over repeats. Costs hardly depend on the machine.',
    ],
  };
}
