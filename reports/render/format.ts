// How is a number written, so that the same quantity looks the same in every table, chart and terminal?

import type { Spread } from '../../stats/spread.ts';

/** What stands where there is no figure. */
export const ABSENT = '–';

/** U+202F: the thin, unbreakable space that SI prescribes between groups of three digits. */
const THIN_SPACE = '\u202f';

/** A whole number with its thousands apart: `12 345`. */
export function formatCount(value: number): string {
  const digits = Math.abs(Math.round(value)).toFixed(0);
  const grouped = digits.replace(/\B(?=(\d{3})+$)/g, THIN_SPACE);
  return value < 0 && digits !== '0' ? `−${grouped}` : grouped;
}

/** Three significant digits, and every digit before the point: `0.0123`, `1.23`, `12.3`, `123`, `12 345`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return ABSENT;
  const size = Math.abs(value);
  if (size === 0) return '0';
  // 99.96 rounds up into the next decade, where one decimal less is right: 100, not 100.0.
  const decade = Math.floor(Math.log10(Number(size.toPrecision(3))));
  if (decade >= 2) return formatCount(value);
  if (decade < -4) return value.toExponential(2).replace('-', '−');
  return value.toFixed(2 - decade).replace('-', '−');
}

/** A share of one as a percentage: `0.123` → `12.3 %`. */
export function formatShare(share: number): string {
  return `${formatNumber(share * 100)}${THIN_SPACE}%`;
}

/** A multiple of a baseline: two decimals up to ten, then three significant digits. */
export function formatRatio(value: number): string {
  return value < 10 ? value.toFixed(2) : formatNumber(value);
}

/** A unit for a whole column, so that its numbers can be compared at a glance. */
export type Unit = { readonly label: string; readonly divisor: number };

/** The unit of time that gives most of `valuesUs` (microseconds) between one and three digits before the point. */
export function timeUnit(valuesUs: readonly number[]): Unit {
  const positive = valuesUs.filter((value) => value > 0);
  const logs = positive.map(Math.log10);
  const middle = logs.length === 0 ? 3 : logs.reduce((sum, log) => sum + log, 0) / logs.length;
  if (middle < 2.7) return { label: 'µs', divisor: 1 };
  if (middle < 5.7) return { label: 'ms', divisor: 1e3 };
  return { label: 's', divisor: 1e6 };
}

/** One duration with its own unit: `850 µs`, `12.3 ms`, `4.00 s`. */
export function formatDuration(valueUs: number): string {
  const size = Math.abs(valueUs);
  const unit =
    size < 1e3
      ? { label: 'µs', divisor: 1 }
      : size < 1e6
        ? { label: 'ms', divisor: 1e3 }
        : { label: 's', divisor: 1e6 };
  return `${formatNumber(valueUs / unit.divisor)}${THIN_SPACE}${unit.label}`;
}

/** Seconds as a person says them: `45 s`, `12 min 5 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${formatNumber(Math.round(seconds * 10) / 10).replace(/\.0+$/, '')} s`;
  // Rounded before it is split: 299.6 s are 5 min, not 4 min 60 s.
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const rest = whole % 60;
  return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
}

/** Bytes in binary units: `24.0 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${step === 0 ? formatCount(value) : formatNumber(value)}${THIN_SPACE}${units[step] ?? 'B'}`;
}

/** The range of a spread, `[low–high]`; empty when there was one run only, which has no range. */
export function formatRange(figure: Spread, write: (value: number) => string): string {
  return figure.n < 2 ? '' : `[${write(figure.min)}–${write(figure.max)}]`;
}

/** `2026-08-31 14:05 UTC` from an ISO instant. The zone is fixed, so that a report does not depend on where it is rendered. */
export function formatInstant(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** `1 repeat`, `3 repeats`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
