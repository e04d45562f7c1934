// Which points does a sweep measure? Its axes out of the words of the command line, and the grid that they span.

import { UsageError } from '../../harness/errors.ts';
import { suggestion } from '../suggest.ts';
import {
  AXIS_NAMES,
  CONTENDER_AXES,
  isContenderAxis,
  isLoadAxis,
  isSettingAxis,
  LOAD_AXES,
  SETTING_PREFIX,
} from './axes.ts';

/** Points of a grid, before any is refined. More would not be measured in a night. */
const POINTS_MAX = 400;
/** Servers that one sweep may keep open, one for each value of a setting. */
const SERVERS_MAX = 8;

export type AxisValue = number | string;

/** One axis. `range`: between its values further ones may be put. */
export interface Axis {
  readonly name: string;
  /** Numbers in rising order, words as given. */
  readonly values: readonly AxisValue[];
  readonly range: boolean;
  /** Whether its numbers are whole. */
  readonly whole: boolean;
}

/** Where a point lies, by axis. */
export type Place = Readonly<Record<string, AxisValue>>;

/**
 * Reads `--axis name=…` of one or more axes: `workers=1,2,4`, `workers=1..16` (doubled from end to end), `batch=1..500:6` (so
 * many values, at equal ratios).
 * @throws UsageError that names the axis, the value and the mend.
 */
export function parseAxes(words: readonly string[]): Axis[] {
  if (words.length === 0)
    throw new UsageError(
      'a sweep needs an axis: give --axis, such as --axis connections=1..32 (see sweep --help)',
    );
  const axes = words.map(parseAxis);
  const twice = axes.find(({ name }, at) => axes.findIndex((one) => one.name === name) < at);
  if (twice !== undefined)
    throw new UsageError(`--axis ${twice.name} is given twice: put all its values behind one`);
  const points = axes.reduce((product, { values }) => product * values.length, 1);
  if (points > POINTS_MAX)
    throw new UsageError(
      `${axes.map(({ values }) => values.length).join(' × ')} = ${points} points are more than the ${POINTS_MAX} that a sweep may have: leave out values, or give a range fewer with :n behind it`,
    );
  const servers = axes.reduce(
    (product, axis) => product * (isSettingAxis(axis.name) ? axis.values.length : 1),
    1,
  );
  if (servers > SERVERS_MAX)
    throw new UsageError(
      `the settings need ${servers} servers at once, and a sweep keeps ${SERVERS_MAX} at most: leave out values`,
    );
  return axes;
}

function parseAxis(text: string): Axis {
  const [, rawName = '', rawValues = ''] = /^\s*([^=]*?)\s*=(.*)$/s.exec(text) ?? [];
  if (rawName === '' || rawValues.trim() === '')
    throw new UsageError(
      `--axis ${JSON.stringify(text.slice(0, 60))}: give name=values, such as workers=1,2,4 or batch=1..500:6`,
    );
  if (isSettingAxis(rawName)) return settingAxis(rawName.toLowerCase(), rawValues);
  if (!isLoadAxis(rawName) && !isContenderAxis(rawName))
    throw new UsageError(
      `--axis ${rawName}: there is no such axis${suggestion(rawName, AXIS_NAMES)}${rawName.includes('_') ? `; a setting of the server is ${SETTING_PREFIX}${rawName}` : ''}`,
    );
  const range = /^\s*([^.,\s]+(?:\.\d+)?)\s*\.\.\s*([^:,\s]+)\s*(?::\s*(\S+)\s*)?$/.exec(rawValues);
  const word = isContenderAxis(rawName) && CONTENDER_AXES[rawName] === 'word';
  if (word) {
    if (range !== null)
      throw new UsageError(
        `--axis ${rawName}: its values are words, which have no range: list them with commas`,
      );
    return { name: rawName, values: once(rawName, listOf(rawName, rawValues)), range: false, whole: false };
  }
  const whole = isLoadAxis(rawName) ? LOAD_AXES[rawName].whole : true;
  if (range === null) {
    const values = listOf(rawName, rawValues).map((value) => numberOf(rawName, value));
    return { name: rawName, values: once(rawName, values).toSorted((x, y) => x - y), range: false, whole };
  }
  const [, from = '', to = '', count] = range;
  const values = spaced(rawName, numberOf(rawName, from), numberOf(rawName, to), count, whole);
  return { name: rawName, values, range: true, whole };
}

function settingAxis(name: string, text: string): Axis {
  if (!/^set\.[a-z_][a-z0-9_.]*$/.test(name))
    throw new UsageError(
      `--axis ${name}: a setting is set.NAME=value,value, such as set.shared_buffers=128MB,1GB`,
    );
  return { name, values: once(name, listOf(name, text)), range: false, whole: false };
}

function listOf(name: string, text: string): string[] {
  const values = text.split(',').map((value) => value.trim());
  if (values.includes(''))
    throw new UsageError(
      `--axis ${name}: a value between its commas is empty: give one, or leave a comma out`,
    );
  return values;
}

function once<T extends AxisValue>(name: string, values: readonly T[]): readonly T[] {
  const twice = values.find((value, at) => values.indexOf(value) < at);
  if (twice !== undefined)
    throw new UsageError(`--axis ${name}: ${twice} stands there twice: more repeats are --repeats`);
  return values;
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value))
    throw new UsageError(
      `--axis ${name}: ${JSON.stringify(text.slice(0, 40))} is no number: give a list such as 1,2,4, or a range such as 1..64 or 1..64:5`,
    );
  if (!isLoadAxis(name)) return value;
  const { min, max, whole, is } = LOAD_AXES[name];
  if (value < min || value > max || (whole && !Number.isInteger(value)))
    throw new UsageError(
      `--axis ${name}: ${text} is no ${whole ? 'whole number' : 'number'} from ${min} to ${max} (${is})${value > max && name === 'workers' ? '; for more handlers raise connections or concurrency' : ''}`,
    );
  return value;
}

function spaced(name: string, from: number, to: number, count: string | undefined, whole: boolean): number[] {
  if (!(from > 0) || to <= from)
    throw new UsageError(
      `--axis ${name}: a range rises at equal ratios, from more than 0: give ${name}=1..64, or list its values with commas`,
    );
  const n = count === undefined ? undefined : Number(count);
  if (n !== undefined && !(Number.isInteger(n) && n >= 2 && n <= 100))
    throw new UsageError(`--axis ${name}: :${count} is no number of values from 2 to 100`);
  const values: number[] = [];
  if (n === undefined) for (let value = from; value < to; value *= 2) values.push(value);
  else for (let i = 0; i < n - 1; i += 1) values.push(from * (to / from) ** (i / (n - 1)));
  values.push(to);
  return [...new Set(values.map((value) => onAxis(value, whole)))];
}

/** A value as an axis has it: whole, or of four digits. */
export function onAxis(value: number, whole: boolean): number {
  return whole ? Math.round(value) : Number(value.toPrecision(4));
}

/** All combinations; the last axis varies fastest. */
export function gridOf(axes: readonly Axis[]): Place[] {
  let places: Place[] = [{}];
  for (const { name, values } of axes)
    places = places.flatMap((place) => values.map((value) => ({ ...place, [name]: value })));
  return places;
}

/** The same for two places at which the same is measured. */
export function placeKey(place: Place): string {
  return JSON.stringify(Object.entries(place).toSorted(([x], [y]) => (x < y ? -1 : 1)));
}
