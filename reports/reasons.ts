// Why are cells void? Many reasons in few words, each once.

import { plural } from './render/format.ts';

const SHOWN_REASONS = 3;
const REASON_LENGTH = 90;

/** What two reasons have in common that differ in their figures alone. */
const kindOf = (reason: string): string => reason.replaceAll(/\d[\d.,]*/g, '#');

/** Each reason once, whatever numbers stand in it, and without the mend. */
export function shortReasons(reasons: readonly string[]): string {
  const distinct = new Map(reasons.map((reason) => [kindOf(reason), reason] as const));
  const texts = [...distinct.values()].map((reason) => {
    const text = reason.replaceAll(/\s+/g, ' ').replace(/ \(limit.*$/, '');
    return text.length > REASON_LENGTH ? `${text.slice(0, REASON_LENGTH - 1)}…` : text;
  });
  const more = texts.length - SHOWN_REASONS;
  const shown = texts.slice(0, SHOWN_REASONS).join('; ');
  return `${shown === '' ? 'no reason given' : shown}${more > 0 ? `; and ${more} more` : ''}`;
}

/** A void repeat, as a cell of a result is one. */
type VoidRepeat = { readonly repeat: number; readonly verdict: string; readonly reasons: readonly string[] };

/** One line for all repeats of one contender that are void for the same reasons: `repeats 2 and 5, invalid: …`, the last one's figures. */
export function voidLines(cells: readonly VoidRepeat[]): string[] {
  const alike = new Map<string, VoidRepeat[]>();
  for (const cell of cells) {
    const key = `${cell.verdict} ${cell.reasons.map(kindOf).toSorted().join(';')}`;
    alike.set(key, [...(alike.get(key) ?? []), cell]);
  }
  return [...alike.values()].map((group) => {
    const last = group.at(-1);
    const numbers = group.map((cell) => cell.repeat);
    const repeats =
      numbers.length === 1
        ? `repeat ${numbers[0]}`
        : `${plural(numbers.length, 'repeat')} (${numbers.join(', ')})`;
    return `${repeats}, ${last?.verdict}: ${last?.reasons.join('; ') || 'no reason given'}`;
  });
}
