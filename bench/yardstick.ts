// What is a yardstick of the harness: which figures does it give, and when is a target missed?

/** One figure beside its target; without one it is shown and judged by nobody. */
export interface Figure {
  readonly what: string;
  /** Undefined when it could not be measured; `note` says why. */
  readonly value: number | undefined;
  readonly unit: string;
  /** Both ends are met by equality. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
  /** Range, rounds, circumstances. */
  readonly note?: string;
}

export interface Bench {
  readonly signal: AbortSignal;
  /** Rounds of a comparison; each yardstick has its own default. */
  readonly rounds: number | undefined;
  /** For what is known while the work goes on. */
  readonly say: (line: string) => void;
}

/** `run` rejects when nothing could be measured at all, which misses the target. */
export interface Yardstick {
  readonly name: string;
  readonly question: string;
  run(bench: Bench): Promise<readonly Figure[]>;
}

/** Whether a figure misses its target. One that could not be measured misses nothing: its note must be read. */
export function isMissed({ value, target }: Figure): boolean {
  if (value === undefined || target === undefined) return false;
  return 'atLeast' in target ? !(value >= target.atLeast) : !(value <= target.atMost);
}

/** A figure on one line: verdict, value, target, note. */
export function lineOf(figure: Figure): string {
  const { what, value, unit, target, note } = figure;
  const verdict =
    value === undefined ? 'open  ' : target === undefined ? '      ' : isMissed(figure) ? 'MISSED' : 'ok    ';
  const wanted =
    target === undefined
      ? ''
      : 'atLeast' in target
        ? `; target ≥ ${short(target.atLeast)}`
        : `; target ≤ ${short(target.atMost)}`;
  const reached = value === undefined ? 'not measured' : `${short(value)}${unit === '' ? '' : ` ${unit}`}`;
  return `${verdict}  ${what}: ${reached}${wanted}${note === undefined ? '' : ` (${note})`}`;
}

function short(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
