// How far off were the predictions of a plan, and why is one not there?

import type { CapacityPurpose, Prediction, RunResult } from '../../../harness/result/result.ts';
import type { Figure } from '../../yardstick.ts';

/** What is to be foretold, from which loads, and how well. */
const TARGETS: readonly {
  readonly what: string;
  readonly purpose: CapacityPurpose;
  readonly percent: number;
}[] = [
  { what: 'throughput', purpose: 'held back', percent: 10 },
  { what: 'pickup p99', purpose: 'check', percent: 30 },
  { what: 'drain time', purpose: 'outage', percent: 20 },
];

/** The size of each prediction's error beside its target; what could not be held against a measurement is there without a value. */
export function foretold(result: RunResult, contender: string): Figure[] {
  const predictions = result.capacity?.predictions ?? [];
  return TARGETS.flatMap(({ what, purpose, percent }): Figure[] => {
    const target = { atMost: percent };
    const found = predictions.filter((one) => one.what === what);
    if (found.length === 0)
      return [
        {
          what: `${contender}: ${what}, error`,
          value: undefined,
          unit: '%',
          target,
          note: absenceOf(result, what, purpose),
        },
      ];
    return found.map((one) => ({
      what: `${contender}: ${what}, error at ${one.at}`,
      value: 100 * Math.abs(one.error),
      unit: '%',
      target,
      note: `${told(one, one.predicted)} foretold, ${told(one, one.measured)} measured`,
    }));
  });
}

function told({ unit }: Prediction, value: number): string {
  const [shown, word] = unit === 'us' ? [value / 1_000, 'ms'] : [value, unit];
  return `${Number(shown.toPrecision(3))} ${word}`;
}

/** Why there is no prediction of this from loads of that purpose. */
function absenceOf({ capacity, cells }: RunResult, what: string, purpose: CapacityPurpose): string {
  const { scaling, predictions = [] } = capacity ?? {};
  if (scaling?.refused !== undefined) return `no law: ${scaling.refused}`;
  const ids = new Set(capacity?.cells.flatMap((one) => (one.purpose === purpose ? [one.id] : [])));
  const loads = cells.filter(({ id }) => ids.has(id));
  if (loads.length === 0) return `the plan came to no load of this kind (${purpose})`;
  const [first] = loads.filter(({ verdict }) => verdict !== 'valid');
  if (first !== undefined && loads.every(({ verdict }) => verdict !== 'valid'))
    return `void: ${first.reasons.join('; ')}`;
  const near = predictions.find((one) => one.what.startsWith(what.split(' ')[0] ?? what));
  if (near !== undefined)
    return `of too few jobs, only ${near.what}: ${told(near, near.predicted)} foretold, ${told(near, near.measured)} measured`;
  if (purpose === 'outage') return 'the backlog was not gone when the load ended';
  return 'the light load that it is made from is void, or the handlers were busier than the models hold for';
}
