// Would a crash have cost both sides the same? What each declares and was seen to do, over all its repeats.

import type { FairnessRow } from '../../harness/result/result.ts';
import { plural } from '../render/format.ts';
import { cellsOf, nameOf, type Side } from './workload.ts';

type Durability = {
  readonly declared: string | undefined;
  /** The weakest that was seen in any repeat; what is declared where none could be read. */
  readonly effective: string | undefined;
  readonly observed: boolean;
  /** By what a side was less durable than its server, and in how many repeats. */
  readonly weak: string | undefined;
};

const NOTE_LENGTH = 120;

function durabilityOf(side: Side, scenario: string): Durability {
  const rows = cellsOf(side, scenario).flatMap(
    (cell) => cell.fairness?.filter((row) => row.setting === 'durability') ?? [],
  );
  const weaker = rows.filter((row) => row.verdict === 'differs');
  const seen = weaker[0] ?? rows.find((row) => row.effective !== undefined);
  const words = new Set(rows.flatMap((row) => row.declared ?? []).map(String));
  const declared = words.size === 0 ? undefined : [...words].sort().join(', ');
  return {
    declared,
    effective: seen === undefined ? declared : String(seen.effective ?? 'not durable'),
    // Without a database there is nothing to read, and nothing that a crash could cost.
    observed: seen !== undefined || declared === undefined,
    weak:
      weaker.length === 0
        ? undefined
        : `${noteOf(weaker)} in ${weaker.length} of ${plural(rows.length, 'repeat')}`,
  };
}

function noteOf(rows: readonly FairnessRow[]): string {
  const notes = [...new Set(rows.flatMap((row) => row.note ?? []))].join('; ').replaceAll(/\s+/g, ' ');
  if (notes === '') return 'weaker than the server';
  return notes.length > NOTE_LENGTH ? `${notes.slice(0, NOTE_LENGTH - 1)}…` : notes;
}

/**
 * How two sides differ in durability, declared or effective, in a scenario where both have figures: `durability of a and b in drain:
 * durable and not durable (…)`. What could not be observed counts as declared.
 */
export function durabilityApart(base: Side, head: Side, scenario: string): string | undefined {
  const measured = (side: Side): boolean => cellsOf(side, scenario).some((cell) => cell.verdict === 'valid');
  if (!measured(base) || !measured(head)) return undefined;
  const [b, h] = [durabilityOf(base, scenario), durabilityOf(head, scenario)];
  const names =
    base.contender === head.contender ? base.contender : `${base.contender} and ${head.contender}`;
  if (b.effective !== h.effective) {
    const said = ({ effective, weak }: Durability): string =>
      `${effective ?? 'not known'}${weak === undefined ? '' : ` (${weak})`}`;
    return `durability of ${names} in ${scenario}: ${said(b)} and ${said(h)}`;
  }
  if (b.declared === h.declared) return undefined;
  return `declared durability of ${names} in ${scenario}: ${b.declared ?? 'none'} and ${h.declared ?? 'none'}`;
}

/** What is to be said of one side's durability besides: that it was not seen, or that the side is weak, as the other may be. */
export function durabilityCaveats(side: Side, scenario: string): string[] {
  const { declared, observed, weak } = durabilityOf(side, scenario);
  return [
    ...(observed
      ? []
      : [
          `The durability of ${nameOf(side)} in ${scenario} was not observed; it is taken as declared: ${declared}.`,
        ]),
    ...(weak === undefined
      ? []
      : [
          `${nameOf(side)} is not durable in ${scenario} (${weak}): a crash would lose work that it had confirmed.`,
        ]),
  ];
}
