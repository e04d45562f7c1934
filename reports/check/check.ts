// What does a check say? The cells of both sides, block by block, through the gate; then why, and in one line.

import type { Cell, Check, Environment, Plan, RunResult } from '../../harness/result/result.ts';
import { Gate, type GateFinding, type GateMetric, type GateState, HARD_BLOCKS } from '../../stats/gate.ts';
import { median } from '../../stats/spread.ts';
import { shellQuote } from '../render/escape.ts';
import { formatShare, plural } from '../render/format.ts';
import { withoutFolder } from '../rerun.ts';
import { differencesOf, notComparable } from './baseline.ts';
import { causesOf, type Seen } from './causes.ts';
import { type Cause, CHECK_SCHEMA_VERSION, type CheckDocument, type CheckRow } from './document.ts';
import { type CheckMetric, checkMetricsOf, limitOf } from './metrics.ts';
import { type Pairing, pairingsOf } from './sides.ts';

/** A bundle of a check, as far as it is judged. */
export type CheckBundle = {
  readonly result: RunResult;
  /** By cell. */
  readonly plans: ReadonlyMap<string, readonly Plan[]>;
};

/** What of a result the gate looks at; while it goes on there is no environment yet, which decides what is shown only. */
export type GateInput = {
  readonly result: Pick<RunResult, 'check' | 'cells'> & Partial<Pick<RunResult, 'environment'>>;
  /** By cell. */
  readonly plans: ReadonlyMap<string, readonly Plan[]>;
};

type Judged = {
  readonly pairing: Pairing;
  readonly metric: CheckMetric;
  readonly key: string;
  readonly limit: number | undefined;
  /** The baseline's figures, where the base was not measured. */
  readonly stored?: readonly number[];
  /** Why it is shown and not judged. */
  readonly shown?: string;
};

/** Where the gate stands after the blocks of a result that are whole. The same cells give the same state. */
export function gateOf(input: GateInput): GateState {
  return judged(input).state;
}

function judged({ result, plans }: GateInput): {
  readonly state: GateState;
  readonly metrics: readonly Judged[];
} {
  const { check } = result;
  if (check === undefined) throw new Error('the result is of no check');
  const pairings = pairingsOf(result);
  const metrics = pairings.flatMap((pairing) => metricsOf(pairing, check, result.environment));
  const gate = new Gate(metrics.flatMap(gateMetric));
  const blocks = [
    ...new Set(pairings.flatMap((pairing) => pairing.blocks.map(({ block }) => block))),
  ].toSorted((a, b) => a - b);
  for (const block of blocks) {
    const figures = new Map(
      metrics.flatMap(({ metric, key, pairing, stored }) => {
        const pair = pairing.blocks.find((one) => one.block === block);
        if (pair?.head?.verdict !== 'valid') return [];
        const read = (cell: Cell) => metric.read(cell, plans.get(cell.id) ?? []);
        const head = read(pair.head);
        if (head === undefined) return [];
        if (stored !== undefined) return [[key, { head }] as const];
        const base = pair.base?.verdict === 'valid' ? read(pair.base) : undefined;
        return base === undefined ? [] : [[key, { base, head }] as const];
      }),
    );
    if (figures.size > 0) gate.add(figures);
  }
  return { state: gate.state(), metrics };
}

function gateMetric({ metric, limit, key, stored, shown }: Judged): GateMetric[] {
  if (limit === undefined || shown !== undefined) return [];
  return [
    {
      ...{ key, limit, kind: metric.kind, better: metric.better },
      ...(metric.least === undefined ? {} : { least: metric.least }),
      ...(stored === undefined ? {} : { stored }),
    },
  ];
}

function metricsOf(pairing: Pairing, check: Check, environment: Environment | undefined): Judged[] {
  const { baseline } = check;
  const apart =
    baseline === undefined || environment === undefined
      ? undefined
      : differencesOf(baseline.environment, environment);
  return checkMetricsOf(pairing.loadModel).flatMap((metric): Judged[] => {
    const stored = baseline?.figures.find(
      (one) =>
        one.contender === pairing.contender &&
        one.scenario === pairing.scenario &&
        one.metric === metric.path,
    )?.values;
    if (baseline !== undefined && stored === undefined) return [];
    const limit = limitOf(metric, check);
    const shown =
      limit === undefined
        ? 'its limit is off'
        : apart === undefined
          ? undefined
          : notComparable(metric, apart);
    return [
      {
        ...{ pairing, metric, limit, key: keyOf(pairing, metric.path) },
        ...(stored === undefined ? {} : { stored }),
        ...(shown === undefined ? {} : { shown }),
      },
    ];
  });
}

function keyOf({ contender, scenario }: Pairing, path: string): string {
  return JSON.stringify([contender, scenario, path]);
}

/** @throws Error for a result that is of no check. */
export function checkDocument({ result, plans }: CheckBundle): CheckDocument {
  const { check } = result;
  if (check?.base === undefined) throw new Error('the result is of no check against a base');
  const { state, metrics } = judged({ result, plans });
  const rows = metrics.flatMap((one) => rowOf(one, state));
  const verdict = verdictOf(result, state, rows);
  const { environment } = result;
  const blocks = blocksOf(result);
  const causes = verdict === 'regression' ? causesIn(result, plans, rows) : [];
  return {
    checkSchemaVersion: CHECK_SCHEMA_VERSION,
    verdict,
    headline: headlineOf(verdict, result, rows, blocks),
    ...{ base: check.base, head: check.head },
    ...{
      runId: result.runId,
      seed: result.seed,
      startedAt: result.startedAt,
      methodVersion: result.methodVersion,
    },
    budgetSeconds: check.budgetSeconds,
    usedSeconds: Math.round((Date.parse(result.finishedAt) - Date.parse(result.startedAt)) / 1_000),
    blocks,
    environment: {
      ...{
        cpuModel: environment.cpuModel,
        cores: environment.cores,
        os: environment.os,
        node: environment.node,
      },
      ...{ server: environment.server.description, durable: environment.server.durable },
    },
    rows,
    causes,
    warnings: warningsOf(result, state, rows),
    reproduce: `claimbench ${withoutFolder(result.command).map(shellQuote).join(' ')}`,
  };
}

function rowOf(judged: Judged, state: GateState): CheckRow[] {
  const { pairing, metric, key, limit, shown } = judged;
  const { contender, scenario } = pairing;
  const told = {
    ...{ contender, scenario, metric: metric.path, label: metric.label, unit: metric.unit },
    ...{ kind: metric.kind, better: metric.better },
  };
  if (shown !== undefined) return shownRow(judged, told, shown);
  const found = state.findings.find((one) => one.key === key);
  // Not to be had of this contender, or on this server.
  if (found === undefined || limit === undefined || found.blocks === 0) return [];
  const { verdict, reason, blocks, ...figures } = found;
  return [{ ...told, ...figuresOf(figures), blocks, limit, verdict, reason }];
}

/** Medians without a verdict. */
function shownRow(
  { pairing, metric, stored }: Judged,
  told: Omit<CheckRow, 'verdict' | 'reason' | 'blocks' | 'limit'>,
  reason: string,
): CheckRow[] {
  const valuesOf = (side: 'base' | 'head'): number[] =>
    pairing.blocks.flatMap((block) => {
      const cell = block[side];
      return cell?.verdict === 'valid' ? (metric.read(cell, []) ?? []) : [];
    });
  const heads = valuesOf('head');
  const [base, head] = [median(stored ?? valuesOf('base')), median(heads)];
  if (base === undefined || head === undefined) return [];
  const effect = base === 0 ? undefined : head / base - 1;
  const row = { ...told, base, head, blocks: heads.length, limit: 0, verdict: 'not judged' as const, reason };
  return [{ ...row, ...(effect === undefined ? {} : { effect }) }];
}

function figuresOf({
  base,
  head,
  effect,
  low,
  high,
  noiseFloor,
}: Omit<GateFinding, 'key' | 'verdict' | 'reason' | 'blocks'>): Partial<CheckRow> {
  const known = Object.entries({ base, head, effect, low, high, noiseFloor }).filter(
    ([, value]) => value !== undefined,
  );
  return Object.fromEntries(known);
}

function verdictOf(result: RunResult, state: GateState, rows: readonly CheckRow[]): CheckDocument['verdict'] {
  if (incorrectIn(result, 'head').length > 0) return 'incorrect';
  if (rows.some(({ verdict }) => verdict === 'worse')) return 'regression';
  if (!state.told || !allTold(result) || incorrectIn(result, 'base').length > 0) return 'undecided';
  return 'pass';
}

/** Whether each contender has enough valid blocks in each scenario: one that was void throughout passes nothing. */
function allTold(result: RunResult): boolean {
  const sides = result.check?.baseline === undefined ? (['base', 'head'] as const) : (['head'] as const);
  return pairingsOf(result).every(
    ({ blocks }) =>
      blocks.filter((block) => sides.every((side) => block[side]?.verdict === 'valid')).length >=
      HARD_BLOCKS.first,
  );
}

function incorrectIn(result: RunResult, side: 'base' | 'head'): Cell[] {
  return pairingsOf(result)
    .flatMap(({ blocks }) => blocks.flatMap((block) => block[side] ?? []))
    .filter(({ verdict }) => verdict === 'incorrect');
}

function blocksOf(result: RunResult): CheckDocument['blocks'] {
  const pairings = pairingsOf(result);
  const blocks = [...new Set(pairings.flatMap((pairing) => pairing.blocks.map(({ block }) => block)))];
  const whole = (valid: boolean): number =>
    blocks.filter((block) =>
      pairings.every((pairing) => {
        const pair = pairing.blocks.find((one) => one.block === block);
        const sides = result.check?.baseline === undefined ? [pair?.base, pair?.head] : [pair?.head];
        return sides.every((cell) => cell !== undefined && (!valid || cell.verdict === 'valid'));
      }),
    ).length;
  return { measured: whole(false), valid: whole(true) };
}

function headlineOf(
  verdict: CheckDocument['verdict'],
  result: RunResult,
  rows: readonly CheckRow[],
  blocks: CheckDocument['blocks'],
): string {
  const against = `${result.check?.head.label} against ${result.check?.base?.label}`;
  if (verdict === 'incorrect') {
    const [cell] = incorrectIn(result, 'head');
    return `INCORRECT: ${cell?.reasons[0] ?? 'a job was lost, duplicated or reordered'} (${cell?.contender.name}, ${cell?.scenario})`;
  }
  if (verdict === 'regression') {
    const worse = rows.filter((row) => row.verdict === 'worse');
    const first = worse.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0];
    const more = worse.length > 1 ? `, and ${plural(worse.length - 1, 'other metric')}` : '';
    return `REGRESSION: ${first === undefined ? '' : moved(first)}${more}; ${against}`;
  }
  if (verdict === 'undecided') {
    const [wrong] = incorrectIn(result, 'base');
    if (wrong !== undefined)
      return `UNDECIDED: the base is incorrect, so it has no figures to be compared with: ${wrong.reasons[0]} (${wrong.contender.name}, ${wrong.scenario})`;
    return `UNDECIDED: ${plural(blocks.valid, 'valid block')} of ${blocks.measured}, and three are needed for any verdict`;
  }
  const untold = rows.filter((row) => row.verdict === '~' || row.verdict === 'unstable').length;
  const left = untold === 0 ? '' : `; of ${rows.length} metrics ${untold} cannot be told yet`;
  return `PASS: nothing became worse by as much as matters in ${plural(blocks.valid, 'block')}${left}; ${against}`;
}

/** How far beyond its limit, in logarithms; what came from zero is beyond all. */
function sizeOf({ effect, limit, better }: CheckRow): number {
  if (effect === undefined) return Number.POSITIVE_INFINITY;
  const step = Math.log1p(effect) / Math.log1p(limit);
  return better === 'lower' ? step : -step;
}

/** `Buffers per job of skip-locked in gate-drain +430 %`. */
function moved({ label, contender, scenario, effect }: CheckRow): string {
  const by = effect === undefined ? 'from zero' : `${effect > 0 ? '+' : '−'}${formatShare(Math.abs(effect))}`;
  return `${label} of ${contender} in ${scenario} ${by}`;
}

/** A difference that is seen in fewer of the blocks may be chance: which plans a short load happens to show. */
const SEEN_IN = 2 / 3;

/** Of the contenders that became worse: what differs in most blocks of a scenario, each once. */
function causesIn(result: RunResult, plans: CheckBundle['plans'], rows: readonly CheckRow[]): Cause[] {
  const worse = rows.filter(({ verdict }) => verdict === 'worse');
  return [...new Set(worse.map(({ contender }) => contender))].flatMap((contender): Cause[] => {
    const pairings = pairingsOf(result).filter((pairing) => pairing.contender === contender);
    const causes = pairings.flatMap((pairing) => lastingCauses(pairing, plans));
    const once = [...new Map(causes.map((cause) => [keyOfCause(cause), cause])).values()];
    if (once.length > 0) return once.map((cause): Cause => ({ contender, ...cause }));
    // A baseline keeps figures alone.
    if (result.check?.baseline !== undefined) return [];
    const text =
      'no object of the schema, statement, plan or wait differs: what takes longer is the work of the client itself';
    return [{ contender, what: 'client', text }];
  });
}

function lastingCauses({ blocks }: Pairing, plans: CheckBundle['plans']): Omit<Cause, 'contender'>[] {
  const seen = (cell: Cell): Seen => ({ cell, plans: plans.get(cell.id) ?? [] });
  const found = blocks.flatMap(({ base, head }) =>
    base?.verdict === 'valid' && head?.verdict === 'valid' ? [causesOf(seen(base), seen(head))] : [],
  );
  const times = new Map<string, number>();
  for (const causes of found)
    for (const key of new Set(causes.map(keyOfCause))) times.set(key, (times.get(key) ?? 0) + 1);
  return (found.at(-1) ?? []).filter(
    (cause) => (times.get(keyOfCause(cause)) ?? 0) >= found.length * SEEN_IN,
  );
}

/** Without its amounts, which are others in each block. */
function keyOfCause({ what, text }: Omit<Cause, 'contender'>): string {
  return `${what} ${text.replaceAll(/\d[\d\s.,]*/g, '#')}`;
}

function warningsOf(result: RunResult, state: GateState, rows: readonly CheckRow[]): string[] {
  const { check, cells } = result;
  const invalid = cells.filter(({ verdict }) => verdict === 'invalid');
  const [first] = invalid;
  const unstable = rows.filter(({ verdict }) => verdict === 'unstable');
  const apart = check?.baseline && differencesOf(check.baseline.environment, result.environment);
  const differences = [...(apart?.server ?? []), ...(apart?.machine ?? [])];
  return [
    ...(check?.baseline === undefined
      ? []
      : [
          'the base is of another day: what the machine did differently since is in no interval here; check --base measures both, and names the cause',
        ]),
    ...(differences.length === 0
      ? []
      : [
          `the baseline was measured elsewhere (${differences.slice(0, 4).join('; ')}${differences.length > 4 ? '; …' : ''}): ${apart?.server.length === 0 ? 'what is timed' : 'nothing'} ${apart?.server.length === 0 ? 'is shown and not judged' : 'is judged'}`,
        ]),
    ...(check?.unmatched ?? []).map(
      ({ contender, only }) => `${contender} is in the ${only} alone: it was not measured`,
    ),
    ...(first === undefined
      ? []
      : [
          `${plural(invalid.length, 'cell')} of ${cells.length} were void, the first since ${first.reasons[0]}`,
        ]),
    ...unstable.map((row) => `${moved(row)}: ${row.reason}`),
    ...(state.pending.length === 0
      ? []
      : ['the time was used up before what looked worse was measured again: give a longer --budget']),
  ];
}
