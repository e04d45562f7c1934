// What is a yardstick: which figures does it give, and when is a target missed?

/** One figure beside its target; without one it is shown and judged by nobody. */
export interface Figure {
  readonly what: string;
  /** Undefined when it could not be measured; `note` says why. */
  readonly value: number | undefined;
  readonly unit: string;
  /** Both ends are met by equality. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
  /**
   * 95 % interval of the value, or of few rounds the range. Where it holds the target, the rounds do not tell; without one the
   * value is judged as it is.
   */
  readonly interval?: readonly [low: number, high: number];
  /** Why the value may flatter: then it reaches nothing, however good it is. */
  readonly doubt?: string;
  /** Range, rounds, circumstances. */
  readonly note?: string;
}

export interface Bench {
  readonly signal: AbortSignal;
  /** Rounds of a comparison; each yardstick has its own default. */
  readonly rounds: number | undefined;
  /** Only these of the contenders that a yardstick compares; absent: all of them. */
  readonly only?: readonly string[];
  /** As small and short as can be: to see that a yardstick runs, not what it finds. Of the harness's own, only `metrics` has such a form. */
  readonly smoke: boolean;
  /** For what is known while the work goes on. */
  readonly say: (line: string) => void;
}

/** Whether a yardstick compares this one of its contenders. */
export function wants({ only }: Bench, name: string): boolean {
  return only?.includes(name) ?? true;
}

/** `run` rejects when nothing could be measured at all, which misses the target. */
export interface Yardstick {
  readonly name: string;
  readonly question: string;
  run(bench: Bench): Promise<readonly Figure[]>;
}

/** `open`: not measured, or so that its rounds do not tell. Nothing open is called reached. */
export type Standing = 'reached' | 'missed' | 'open' | 'untargeted';

/** How a figure stands to its target. A value that is no number misses it. */
export function standingOf({ value, target, interval, doubt }: Figure): Standing {
  if (target === undefined) return value === undefined ? 'open' : 'untargeted';
  if (value === undefined) return 'open';
  const meets = (one: number): boolean =>
    'atLeast' in target ? one >= target.atLeast : one <= target.atMost;
  const ends = (interval ?? [value]).map(meets);
  if (ends.every(Boolean)) return doubt === undefined ? 'reached' : 'open';
  return ends.some(Boolean) ? 'open' : 'missed';
}

const WORDS: Readonly<Record<Standing, string>> = {
  reached: 'ok    ',
  missed: 'MISSED',
  open: 'open  ',
  untargeted: '      ',
};

/** A figure on one line: verdict, value, target, note. */
export function lineOf(figure: Figure): string {
  const { what, value, unit, target, interval } = figure;
  const note = [figure.note, figure.doubt].filter((one) => one !== undefined).join('; ');
  const wanted =
    target === undefined
      ? ''
      : 'atLeast' in target
        ? `; target ≥ ${short(target.atLeast)}`
        : `; target ≤ ${short(target.atMost)}`;
  const reached = value === undefined ? 'not measured' : `${short(value)}${unit === '' ? '' : ` ${unit}`}`;
  const between = interval === undefined ? '' : `; from ${short(interval[0])} to ${short(interval[1])}`;
  return `${WORDS[standingOf(figure)]}  ${what}: ${reached}${between}${wanted}${note === '' ? '' : ` (${note})`}`;
}

function short(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
