// What must a reader know of a capacity bundle before any figure? Cells that are not valid, and what weakens the rest.

import type { Cell, RunResult } from '../../harness/result/result.ts';
import { SETTING_LABELS } from '../fairness.ts';
import { shortReasons } from '../reasons.ts';
import { formatCount, plural } from '../render/format.ts';
import type { Tone } from '../tables/table.ts';

type Note = { readonly tone: 'bad' | 'warn'; readonly title: string; readonly text: string };

type Sorted = Readonly<Record<'incorrect' | 'voidProbes' | 'overloads' | 'invalid', readonly Cell[]>>;

/** Cells that are not valid; a search that goes above what the generator can carry has void probes, as it should. */
function sorted({ capacity, cells }: RunResult): Sorted {
  const outcomes = new Map(capacity?.search?.probes.map(({ cell, outcome }) => [cell, outcome]));
  const is = (...wanted: readonly string[]) => {
    return ({ id }: Cell): boolean => wanted.includes(outcomes.get(id) ?? 'no probe');
  };
  const invalid = cells.filter(({ verdict }) => verdict === 'invalid');
  return {
    incorrect: cells.filter(({ verdict }) => verdict === 'incorrect'),
    voidProbes: invalid.filter(is('void')),
    overloads: invalid.filter(is('fail')),
    invalid: invalid.filter(is('no probe')),
  };
}

/** The share of cells above which void probes are no longer the few that lie above the machine's own limit. */
const MANY = 0.25;

/** One line on all cells: incorrect ones outweigh all others; void probes are told, and a few are no fault. */
export function capacityVerdict(result: RunResult): { readonly tone: Tone; readonly text: string } {
  const all = result.cells.length;
  if (all === 0) return { tone: 'warn', text: 'no cell finished' };
  const { incorrect, invalid, voidProbes, overloads } = sorted(result);
  const probes = [
    ...(voidProbes.length === 0 ? [] : [plural(voidProbes.length, 'void probe')]),
    ...(overloads.length === 0 ? [] : [`${plural(overloads.length, 'overload')} that failed`]),
  ];
  if (incorrect.length > 0) {
    const parts = [`${formatCount(incorrect.length)} of ${plural(all, 'cell')} INCORRECT`];
    if (invalid.length > 0) parts.push(`${formatCount(invalid.length)} invalid`);
    return { tone: 'bad', text: [...parts, ...probes].join(', ') };
  }
  if (invalid.length > 0)
    return {
      tone: 'warn',
      text: [`${formatCount(invalid.length)} of ${plural(all, 'cell')} invalid`, ...probes].join(', '),
    };
  if (probes.length > 0)
    return {
      tone: voidProbes.length > all * MANY ? 'warn' : 'good',
      text: `${formatCount(all - voidProbes.length - overloads.length)} of ${plural(all, 'cell')} valid, ${probes.join(', ')}`,
    };
  return { tone: 'good', text: all === 1 ? 'the one cell is valid' : `all ${formatCount(all)} cells valid` };
}

/** Cells without figures by their reasons, declarations that did not hold, and loads that the generator may have bounded. */
export function capacityFindings(result: RunResult): Note[] {
  const { incorrect, invalid, voidProbes, overloads } = sorted(result);
  return [
    ...cellsNote(
      'bad',
      incorrect,
      'incorrect',
      'Its figures are withheld: what loses or doubles jobs has no rate.',
    ),
    ...cellsNote('warn', invalid, 'invalid', 'Such cells have no part in any figure.'),
    ...cellsNote(
      'warn',
      voidProbes,
      voidProbes.length === 1 ? 'void, as a probe may be' : 'void, as probes may be',
      'Void counts neither as pass nor as fail: expected above what this machine can offer; at lower rates something else took its time.',
    ),
    ...cellsNote(
      'warn',
      overloads,
      overloads.length === 1 ? 'an overload, and failed' : 'overloads, and failed',
      'Its backlog grew by more than all that the stalls of the generator could have cost; it has no other figure.',
    ),
    ...mismatchNotes(result),
    ...boundNotes(result),
  ];
}

function cellsNote(tone: Note['tone'], cells: readonly Cell[], word: string, rest: string): Note[] {
  if (cells.length === 0) return [];
  const reasons = shortReasons(cells.flatMap((cell) => cell.reasons));
  return [
    {
      tone,
      title: `${plural(cells.length, 'cell')} ${cells.length === 1 ? 'is' : 'are'} ${word}`,
      text: `${reasons.charAt(0).toUpperCase()}${reasons.slice(1)}. ${rest}`,
    },
  ];
}

/** Each setting that was not as declared, once for all cells. */
function mismatchNotes({ cells }: RunResult): Note[] {
  const rows = cells.flatMap(({ fairness = [] }) => fairness.filter(({ verdict }) => verdict === 'differs'));
  return [...Map.groupBy(rows, ({ setting }) => setting)].map(([setting, own]): Note => {
    const first = own[0];
    const weak = setting === 'durability';
    return {
      tone: weak ? 'bad' : 'warn',
      title: `${SETTING_LABELS[setting]}: not as declared in ${formatCount(own.length)} of ${plural(cells.length, 'cell')}`,
      text: `Declared ${first?.declared ?? 'nothing'}, observed ${first?.effective ?? 'nothing'}, in the first of them.${weak ? ' Figures of a less durable queue are no match for those of a durable one.' : ''}`,
    };
  });
}

function boundNotes({ cells }: RunResult): Note[] {
  const bound = cells.filter(({ verdict, generator }) => verdict === 'valid' && generator.generatorBound);
  if (bound.length === 0) return [];
  return [
    {
      tone: 'warn',
      title: `Perhaps generator-bound: ${formatCount(bound.length)} of ${plural(cells.length, 'cell')}`,
      text: 'Measured above a fifth of what the harness records without a database, or with a worker agent that fills its core: the generator may be the limit.',
    },
  ];
}

/** What stands before the words of every chart where a contender was less durable than its server. */
export function capacityDurabilityMark({ cells }: RunResult): string {
  const weak = cells.some(({ fairness = [] }) =>
    fairness.some(({ setting, verdict }) => setting === 'durability' && verdict === 'differs'),
  );
  return weak ? 'CONTENDER NOT DURABLE · ' : '';
}
