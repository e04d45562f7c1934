// When is a queue not well, and since when is it well again?

import { InvalidArgumentError } from '../errors.ts';
import { requireKnownKeys, requireObject, said } from '../keys.ts';
import type { QueueStats } from '../strategy.ts';
import type { FailureWindow } from './failure-window.ts';

/** What must not be. A value equal to the bound is still well. */
export type AlertRule =
  /** The oldest ready job has been ready for longer than this, in ms. */
  | { readonly kind: 'oldest-age'; readonly aboveMs: number }
  /** More jobs than this could run now: those that are ready, and delayed ones that are due. */
  | { readonly kind: 'depth'; readonly above: number }
  /**
   * Of the outcomes of the last `windowMs` (1,000…86,400,000 ms) a greater share than `above` (0…1) were failed attempts. Fewer
   * than `minJobs` outcomes, failures among them, change nothing. Only outcomes that this process has seen are counted.
   */
  | {
      readonly kind: 'failure-share';
      readonly above: number;
      readonly minJobs: number;
      readonly windowMs: number;
    }
  /** More dead letters than this lie in the queue. */
  | { readonly kind: 'dead-letters'; readonly above: number };

/** What a handler is told. */
export interface Alert {
  readonly queue: string;
  /** The rule as it was given. */
  readonly rule: AlertRule;
  /** What the look measured: ms, jobs, a share of 0…1, or dead letters, by the rule. */
  readonly value: number;
  /** When the breach was seen, by this process's clock, in ms since the Unix epoch; in a recovery too. */
  readonly breachedAtMs: number;
}

/** Looks in a row that must find a rule kept before its breach is over. */
const LOOKS_TO_RECOVER = 2;

/** What a look has led to. */
export type Turn = 'breach' | 'recovery' | undefined;

/** One rule and where it stands. */
export class RuleState {
  readonly rule: AlertRule;
  /** There for rules on outcomes. */
  readonly window: FailureWindow | undefined;
  breachedAtMs: number | undefined;
  #kept = 0;

  constructor(rule: AlertRule, window: FailureWindow | undefined) {
    this.rule = rule;
    this.window = window;
  }

  /** Takes in a look: the value, `undefined` for one that tells nothing. */
  see(value: number | undefined): Turn {
    if (value === undefined) return undefined;
    if (value > boundOf(this.rule)) {
      this.#kept = 0;
      if (this.breachedAtMs !== undefined) return undefined;
      this.breachedAtMs = Date.now();
      return 'breach';
    }
    if (this.breachedAtMs === undefined) return undefined;
    this.#kept += 1;
    return this.#kept >= LOOKS_TO_RECOVER ? 'recovery' : undefined;
  }

  /** The breach is over and told of. */
  recover(): void {
    this.breachedAtMs = undefined;
    this.#kept = 0;
  }

  /** What the rule is about; `undefined` where nothing can be told. */
  measure(stats: QueueStats | undefined): number | undefined {
    if (this.rule.kind === 'failure-share') return this.window?.share(this.rule.minJobs);
    if (stats === undefined) return undefined;
    if (this.rule.kind === 'oldest-age') return stats.oldestReadyAgeMs ?? 0;
    return this.rule.kind === 'depth' ? stats.ready + (stats.due ?? 0) : stats.dead;
  }
}

function boundOf(rule: AlertRule): number {
  return rule.kind === 'oldest-age' ? rule.aboveMs : rule.above;
}

const KEYS: Readonly<Record<AlertRule['kind'], readonly string[]>> = {
  'oldest-age': ['kind', 'aboveMs'],
  depth: ['kind', 'above'],
  'failure-share': ['kind', 'above', 'minJobs', 'windowMs'],
  'dead-letters': ['kind', 'above'],
};

/** Throws InvalidArgumentError for what is no list of at least one rule, each with its keys and in range. */
export function requireRules(rules: readonly AlertRule[]): void {
  if (!Array.isArray(rules) || rules.length === 0)
    throw new InvalidArgumentError(
      'rules is no list, or an empty one: give at least one rule, such as { kind: "depth", above: 1000 }',
    );
  for (const rule of rules) requireRule(rule);
}

function requireRule(rule: AlertRule): void {
  requireObject('a rule', rule);
  const keys = Object.hasOwn(KEYS, rule.kind) ? KEYS[rule.kind] : undefined;
  if (keys === undefined)
    throw new InvalidArgumentError(
      `a rule's kind is ${said(rule.kind)}: give one of ${Object.keys(KEYS).join(', ')}`,
    );
  requireKnownKeys(`a rule on ${rule.kind}`, rule, keys);
  const bound = boundOf(rule);
  const name = rule.kind === 'oldest-age' ? 'aboveMs' : 'above';
  const most = rule.kind === 'failure-share' ? 1 : Number.MAX_SAFE_INTEGER;
  if (typeof bound !== 'number' || !(bound >= 0 && bound <= most))
    throw new InvalidArgumentError(
      `${name} of a rule on ${rule.kind} is ${said(bound)}: give a number in 0…${most}`,
    );
  if (rule.kind !== 'failure-share') return;
  requireWhole('minJobs', rule.minJobs, 1, 1_000_000_000);
  requireWhole('windowMs', rule.windowMs, 1000, 86_400_000);
}

/** Throws InvalidArgumentError for what is no whole number of the range. */
export function requireWhole(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new InvalidArgumentError(`${name} is ${said(value)}: give a whole number in ${min}…${max}`);
}
