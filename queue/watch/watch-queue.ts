// Who tells somebody when a queue is not well?

import { InvalidArgumentError } from '../errors.ts';
import { requireQueueName } from '../job.ts';
import { requireFunction, requireKnownKeys, requireObject } from '../keys.ts';
import type { Queue } from '../queue.ts';
import type { QueueStats } from '../strategy.ts';
import { isThenable } from '../worker/thenable.ts';
import type { Observer } from './events.ts';
import { FailureWindow } from './failure-window.ts';
import { type Alert, type AlertRule, RuleState, requireRules, requireWhole } from './rules.ts';

/** Options of `watchQueue`. */
export interface WatchOptions {
  /** Name of the queue to watch. */
  readonly queue: string;
  /** From the end of a look to the next one, 10…86,400,000 ms; default 10,000. The first look is at once. */
  readonly everyMs?: number;
  /** At least one. Each is judged by itself, also two of one kind. */
  readonly rules: readonly AlertRule[];
  /** Called once when a rule is broken, and not again before it has recovered. May return a promise: nothing waits for it. */
  readonly onBreach: (alert: Alert) => unknown;
  /** Called once when two looks in a row have found the rule kept. May return a promise. */
  readonly onRecovery?: (alert: Alert) => unknown;
  /** Told of looks that failed, and of what the handlers throw; default nobody. Neither ends the watch, or changes a standing. */
  readonly onError?: (error: unknown) => void;
}

/** A watch at work since `watchQueue`. Disposing ends it: no handler is called afterwards. */
export interface QueueWatch extends AsyncDisposable {
  /**
   * Counts outcomes for rules on `failure-share`: has to be among the observers of the queue whose workers are watched, see
   * `watchQueue`.
   */
  readonly observe: Observer;
}

class RunningWatch implements QueueWatch {
  readonly #queue: Queue;
  readonly #options: WatchOptions;
  readonly #states: readonly RuleState[];
  readonly #everyMs: number;
  readonly #windows: readonly FailureWindow[];
  readonly #asks: boolean;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void>;
  #stopped = false;

  constructor(queue: Queue, options: WatchOptions) {
    this.#queue = queue;
    this.#options = options;
    this.#everyMs = options.everyMs ?? 10_000;
    this.#states = options.rules.map(
      (rule) =>
        new RuleState(rule, rule.kind === 'failure-share' ? new FailureWindow(rule.windowMs) : undefined),
    );
    this.#windows = this.#states.flatMap(({ window }) => window ?? []);
    this.#asks = this.#windows.length < this.#states.length;
    this.#looking = this.#look();
  }

  readonly observe: Observer = (event) => {
    if (event.kind !== 'completed' && event.kind !== 'retried' && event.kind !== 'dead-lettered') return;
    if (event.job.queue !== this.#options.queue) return;
    for (const window of this.#windows) window.add(event.kind !== 'completed');
  };

  /** A look that fails tells nothing of what the server would have said. */
  async #look(): Promise<void> {
    let stats: QueueStats | undefined;
    try {
      if (this.#asks) stats = await this.#queue.stats(this.#options.queue);
    } catch (error) {
      this.#report(error);
    }
    if (this.#stopped) return;
    for (const state of this.#states) this.#judge(state, state.measure(stats));
    this.#timer = setTimeout(() => {
      this.#looking = this.#look();
    }, this.#everyMs);
  }

  #judge(state: RuleState, value: number | undefined): void {
    const turn = state.see(value);
    if (turn === undefined || value === undefined || this.#stopped) return;
    const { queue, onBreach, onRecovery } = this.#options;
    const alert = { queue, rule: state.rule, value, breachedAtMs: state.breachedAtMs ?? Date.now() };
    if (turn === 'recovery') state.recover();
    this.#call(turn === 'breach' ? onBreach : onRecovery, alert);
  }

  #call(handler: ((alert: Alert) => unknown) | undefined, alert: Alert): void {
    try {
      const ending = handler?.(alert);
      if (isThenable(ending)) ending.then(undefined, (error: unknown) => this.#report(error));
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    try {
      this.#options.onError?.(error);
    } catch {
      // There is nobody left to tell.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }
}

/**
 * Looks at a queue again and again, and tells `onBreach` when a rule is broken: once, until the rule has been kept for two looks
 * in a row, which `onRecovery` is told. (A margin below the bound would never be reached by a bound of 0.) One watch, in any
 * process, is enough for a queue; several tell several times.
 *
 * A look is one `queue.stats(name)`, which with most strategies reads every row of the queue: the deeper it is, the dearer the
 * look, so let `everyMs` be many times what `stats` takes over the deepest backlog that you expect. Rules on `failure-share`
 * alone ask the server nothing. They know the outcomes that this process has seen and no others, so watch where the workers are:
 *
 *     let watch: QueueWatch | undefined;
 *     const queue = createQueue({ driver, observe: observers(log, (event) => watch?.observe(event)) });
 *     watch = watchQueue(queue, {
 *       queue: 'mail',
 *       rules: [{ kind: 'failure-share', above: 0.1, minJobs: 50, windowMs: 300_000 }],
 *       onBreach: (alert) => page(alert),
 *     });
 *
 * Throws InvalidArgumentError for options out of range, and for such a rule over a queue that nobody observes.
 */
export function watchQueue(queue: Queue, options: WatchOptions): QueueWatch {
  requireObject('the options of a watch', options);
  requireKnownKeys('a watch', options, ['queue', 'everyMs', 'rules', 'onBreach', 'onRecovery', 'onError']);
  requireQueueName(options.queue);
  requireRules(options.rules);
  if (options.everyMs !== undefined) requireWhole('everyMs', options.everyMs, 10, 86_400_000);
  if (options.onBreach === undefined)
    throw new InvalidArgumentError('onBreach is undefined: give a function');
  for (const name of ['onBreach', 'onRecovery', 'onError'] as const) requireFunction(name, options[name]);
  if (!queue.context.observed && options.rules.some(({ kind }) => kind === 'failure-share'))
    throw new InvalidArgumentError(
      'there is a rule on failure-share, and the queue has no observer: give createQueue `observe`, and have it call that of the watch',
    );
  return new RunningWatch(queue, options);
}
