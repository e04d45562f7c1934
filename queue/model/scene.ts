// What do the parts of a sequence stand on?

import type { Command, Feature } from './commands.ts';
import type { Asked } from './job.ts';
import type { Model } from './model.ts';
import type { Slot } from './slot.ts';

/** Above the rows of any page, upkeep or reap of a sequence. */
export const ALL = 1_000;

/** A command by its kind. */
export type Of<K extends Command['kind']> = Extract<Command, { readonly kind: K }>;

/** One sequence under way. */
export interface Scene {
  readonly slot: Slot;
  readonly model: Model;
  /** What its strategy is excused from. */
  readonly without: ReadonlySet<Feature>;
  /** Adds a line to what is told of a counterexample. */
  note(text: string): void;
}

/** Sends `work`, and says when. */
export async function timed<T>(work: () => Promise<T>): Promise<{ readonly answer: T; readonly at: Asked }> {
  const sentMs = Date.now();
  const answer = await work();
  return { answer, at: { sentMs, answeredMs: Date.now() } };
}
