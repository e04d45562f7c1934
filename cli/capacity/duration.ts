// How long is `10m`? Lengths of time as an option's value.

import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400 };

/** Seconds out of `30s`, `10m`, `1.5h` or `2d`, as an option's value. */
export function durationBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text.trim()) ?? [];
    const factor = UNITS[unit ?? ''];
    const seconds = Number(number) * (factor ?? Number.NaN);
    if (unit === '') throw new InvalidArgumentError('give a unit: 30s, 10m.');
    if (number === undefined || factor === undefined)
      throw new InvalidArgumentError('give a length of time, such as 30s, 10m or 1.5h.');
    if (!(seconds >= min && seconds <= max))
      throw new InvalidArgumentError(`give a length of time from ${inWords(min)} to ${inWords(max)}.`);
    return seconds;
  };
}

/** `45 s`, `10 min`, `1.5 h`. */
export function inWords(seconds: number): string {
  const short = (value: number): string => String(Number(value.toPrecision(3)));
  if (seconds < 120) return `${short(seconds)} s`;
  if (seconds < 7_200) return `${short(seconds / 60)} min`;
  return seconds < 172_800 ? `${short(seconds / 3_600)} h` : `${short(seconds / 86_400)} d`;
}
