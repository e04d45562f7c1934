// When did each fault of a cell hold? The marks of its window, told as spans with names, in lanes that do not overlap.

import type { Cell } from '../harness/result/result.ts';

/** Seconds from the start of the load. A fault of an instant ends where it begins. */
export type FaultSpan = {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  /** Of a picture's lanes, the first is 0. */
  readonly lane: number;
};

/** Lanes that a picture has room for; what would need another shares the last. */
const MOST_LANES = 3;

/** Those that are over at once, unless a mark says when they ended. */
const INSTANT: ReadonlySet<string> = new Set(['kill-worker', 'reset-connections', 'restart-server']);

/**
 * `held-xmin by a reader` and `held-xmin ends` are one span; one that lasts and has no end lasted as long as the load. Strokes of
 * one fault that came again and again are one span, with their number.
 */
export function faultSpans({ faults, totalSeconds }: Cell['window']): FaultSpan[] {
  const open = new Map<
    string,
    { label: string; from: number; to: number; times: number; ended: boolean }[]
  >();
  const ending = new Set(faults.flatMap(({ label }) => endOf(label) ?? []));
  for (const { label, atSeconds } of faults) {
    const ended = endOf(label);
    const kind = ended ?? label.split(' ')[0] ?? label;
    const own = open.get(kind) ?? [];
    open.set(kind, own);
    if (ended !== undefined) {
      const span = own.find((one) => !one.ended);
      if (span !== undefined) Object.assign(span, { to: atSeconds, ended: true });
      continue;
    }
    const last = own.at(-1);
    const lasting = ending.has(kind) || !INSTANT.has(kind);
    if (!lasting && last !== undefined) Object.assign(last, { to: atSeconds, times: last.times + 1 });
    else own.push({ label, from: atSeconds, to: lasting ? totalSeconds : atSeconds, times: 1, ended: false });
  }
  const spans = [...open.values()].flat().map(({ label, from, to, times }) => ({
    label: times > 1 ? `${label} (${times} times)` : label,
    from,
    to,
  }));
  return inLanes(spans.toSorted((x, y) => x.from - y.from || x.to - y.to));
}

function endOf(label: string): string | undefined {
  return label.endsWith(' ends') ? label.slice(0, -' ends'.length) : undefined;
}

/** A name needs room behind its span's begin, of which `from` to `to` says nothing: spans side by side get lanes of their own. */
function inLanes(spans: readonly Omit<FaultSpan, 'lane'>[]): FaultSpan[] {
  return spans.map((span, i) => ({ ...span, lane: Math.min(i, MOST_LANES - 1) }));
}
