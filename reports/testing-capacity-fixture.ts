// What would a search, a sweep or a plan have left? Synthetic bundles for the tests of how capacity is shown.

import {
  type Capacity,
  type Cell,
  type Probe,
  type RunResult,
  resultSchema,
} from '../harness/result/result.ts';
import {
  FIT,
  law,
  PLAN,
  PREDICTIONS,
  PROBES,
  SCALING_POINTS,
  SEARCH_ANSWER,
  SLO,
  SWEEP_AXES,
} from './testing-capacity-fixture-data.ts';
import { writeFixture } from './testing-fixture.ts';
import { type Scenario, STANDARD } from './testing-fixture-data.ts';

export type CapacityKind =
  | 'plan'
  | 'impossible'
  | 'refused'
  | 'search'
  | 'sweep'
  | 'cube'
  | 'line'
  | 'waits'
  | 'interrupted';

type Job = {
  readonly scenario: Scenario;
  readonly amend: (cell: Cell) => Cell;
  readonly purpose: Capacity['cells'][number]['purpose'];
  readonly handlers?: number;
};

type Capacities = Readonly<Record<CapacityKind, (idOf: (name: string) => string) => Capacity>>;

/**
 * Writes a bundle of one kind into `dir`, which is created. `name` stands for the contender everywhere, to be hostile with.
 * The same kind gives the same bytes.
 */
export async function writeCapacityFixture(
  dir: string,
  kind: CapacityKind,
  name = 'skip-locked',
): Promise<RunResult> {
  const jobs = jobsOf(kind);
  const contender = STANDARD.contenders[0];
  if (contender === undefined) throw new Error('the fixture has no contender');
  const byScenario = new Map(jobs.map((job) => [job.scenario.name, job]));
  return await writeFixture(dir, {
    repeats: 1,
    contenders: [{ ...contender, name }],
    scenarios: jobs.map(({ scenario }) => scenario),
    amend: (cell) => byScenario.get(cell.scenario)?.amend(cell) ?? cell,
    amendResult: (result) => {
      const ids = new Map(result.cells.map(({ id, scenario }) => [scenario, id]));
      const idOf = (scenario: string): string => ids.get(scenario) ?? 'unknown';
      const capacity = CAPACITIES[kind](idOf);
      const cells = jobs.map(({ scenario, purpose, handlers }) => ({
        id: idOf(scenario.name),
        purpose,
        ...(handlers === undefined ? {} : { handlers }),
      }));
      return resultSchema.parse(
        renamed({ ...result, command: [kind], capacity: { ...capacity, cells } }, name),
      );
    },
  });
}

function renamed(result: RunResult, name: string): RunResult {
  const { capacity } = result;
  if (capacity === undefined) return result;
  const { plan, search, sweep, scaling } = capacity;
  return {
    ...result,
    capacity: {
      ...capacity,
      ...(search === undefined ? {} : { search: { ...search, contender: name } }),
      ...(sweep === undefined ? {} : { sweep: { ...sweep, contender: name } }),
      ...(scaling === undefined ? {} : { scaling: { ...scaling, contender: name } }),
      ...(plan === undefined ? {} : { plan: { ...plan, question: { ...plan.question, contender: name } } }),
    },
  };
}

const scenario = (name: string, rest: Partial<Scenario> = {}): Scenario => ({
  name,
  question: `What is ${name}?`,
  loadModel: 'open loop, poisson arrivals',
  seconds: 4,
  warmupSeconds: 1,
  preload: 0,
  offeredPerSec: 200,
  phases: [{ label: 'load', fromSeconds: 0, toSeconds: rest.seconds ?? 4, measured: true }],
  faults: [],
  ...rest,
});

const settling =
  (perSec: number) =>
  (cell: Cell): Cell => ({ ...cell, throughput: { settledPerSec: perSec } });
/** Too few jobs were simulated for a percentile: one is put in. */
const waiting =
  (workers: number) =>
  (cell: Cell): Cell => {
    const pickup = cell.latencyUs?.pickup;
    return pickup === undefined
      ? cell
      : { ...cell, latencyUs: { ...cell.latencyUs, pickup: { ...pickup, p99: 90_000 / workers } } };
  };
const same = (cell: Cell): Cell => cell;
const voided = (cell: Cell): Cell => {
  const { throughput: _throughput, latencyUs: _latency, ...rest } = cell;
  return { ...rest, verdict: 'invalid', reasons: ['the generator came 40 ms late (limit 10 ms)'] };
};
const wrong = (cell: Cell): Cell => ({
  ...voided(cell),
  verdict: 'incorrect',
  reasons: ['3 jobs were lost'],
});

function jobsOf(kind: CapacityKind): Job[] {
  const closed = SCALING_POINTS.map(
    ({ handlers, perSec, heldBack }): Job => ({
      scenario: scenario(`closed-${handlers}`),
      amend: settling(perSec),
      purpose: heldBack ? 'held back' : 'closed',
      handlers,
    }),
  );
  const probes = PROBES.map(
    ({ ratePerSec, outcome }, i): Job => ({
      scenario: scenario(`probe-${i}`, { offeredPerSec: Math.min(ratePerSec, 400) }),
      amend: outcome === 'void' ? voided : same,
      purpose: 'probe',
    }),
  );
  const outage: Job = {
    scenario: scenario('outage', {
      seconds: 30,
      offeredPerSec: 600,
      outage: [6, 14],
      faults: [
        { label: 'stall-worker', atSeconds: 6 },
        { label: 'stall-worker ends', atSeconds: 14 },
      ],
    }),
    amend: same,
    purpose: 'outage',
  };
  if (kind === 'plan' || kind === 'impossible' || kind === 'refused') return [...closed, ...probes, outage];
  if (kind === 'search') return probes;
  if (kind === 'interrupted') return closed.slice(0, 2);
  return sweepJobs(kind);
}

type SweepKind = Extract<CapacityKind, 'sweep' | 'cube' | 'line' | 'waits'>;

/** Every point of the grid but the last, which the sweep had not come to; the second is void, the third incorrect. */
function sweepJobs(kind: SweepKind): Job[] {
  return pointsOf(kind)
    .slice(0, -1)
    .flatMap(({ at, repeats }, i) =>
      Array.from({ length: repeats }, (_, repeat): Job => {
        const workers = Number(at['workers']);
        const batch = Number(at['batch'] ?? 10);
        const perSec = law(workers) * (1 + Math.log10(batch) / 2) * (1 + repeat / 40);
        return {
          scenario: scenario(`point-${i}-${repeat}`),
          amend:
            i === 1
              ? voided
              : i === 2 && kind !== 'line'
                ? wrong
                : kind === 'waits'
                  ? waiting(workers)
                  : settling(perSec),
          purpose: 'closed',
          handlers: workers,
        };
      }),
    );
}

function pointsOf(kind: SweepKind): { at: Record<string, number | string>; repeats: number }[] {
  const axes = SWEEP_AXES[kind];
  const places = axes.reduce<Record<string, number | string>[]>(
    (found, { name, values }) => found.flatMap((at) => values.map((value) => ({ ...at, [name]: value }))),
    [{}],
  );
  return places.map((at) => ({ at, repeats: kind === 'line' ? 2 : 1 }));
}

const sweep =
  (kind: SweepKind) =>
  (idOf: (name: string) => string): Capacity => ({
    cells: [],
    sweep: {
      contender: 'skip-locked',
      axes: SWEEP_AXES[kind].map(({ name, values }) => ({ name, values: [...values] })),
      repeats: kind === 'line' ? 2 : 1,
      load: kind === 'waits' ? 'open' : 'drain',
      points: pointsOf(kind).map(({ at, repeats }, i, { length }) => ({
        at,
        cells:
          i === length - 1
            ? []
            : Array.from({ length: repeats }, (_, repeat) => idOf(`point-${i}-${repeat}`)),
      })),
      words: {},
    },
  });

const probes = (idOf: (name: string) => string): Probe[] =>
  PROBES.map((probe, i) => ({ ...probe, cell: idOf(`probe-${i}`) }));

const search = (idOf: (name: string) => string): NonNullable<Capacity['search']> => ({
  contender: 'skip-locked',
  slo: [SLO],
  resolution: 0.1,
  heldXmin: false,
  probes: probes(idOf),
  answer: SEARCH_ANSWER,
});

const scaling = (idOf: (name: string) => string): NonNullable<Capacity['scaling']> => ({
  contender: 'skip-locked',
  points: SCALING_POINTS.map((point) => ({ ...point, cell: idOf(`closed-${point.handlers}`) })),
  fit: FIT,
});

const plan = (idOf: (name: string) => string): Capacity => ({
  cells: [],
  search: search(idOf),
  scaling: scaling(idOf),
  predictions: PREDICTIONS.map(({ cells, ...one }) => ({ ...one, cells: cells.map(idOf) })),
  plan: PLAN.possible,
});

const CAPACITIES: Capacities = {
  plan,
  impossible: (idOf) => ({ ...plan(idOf), plan: PLAN.impossible }),
  refused: (idOf) => {
    const { fit: _fit, ...rest } = scaling(idOf);
    return { ...plan(idOf), scaling: { ...rest, refused: 'the fit did not converge in 200 steps' } };
  },
  search: (idOf) => ({ cells: [], search: search(idOf) }),
  sweep: sweep('sweep'),
  cube: sweep('cube'),
  line: sweep('line'),
  waits: sweep('waits'),
  interrupted: () => ({ cells: [] }),
};
