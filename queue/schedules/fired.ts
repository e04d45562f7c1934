// What have the schedules of a test enqueued?

import assert from 'node:assert/strict';
import type { Queue } from '../index.ts';

/** Jobs per page. */
const PAGE = 5000;

/**
 * By the `name` in the payloads, the instants in `dueAt`, which `stampAs` has put there, in the order of the jobs' ids. For
 * schedules whose payload is `{ name }`.
 */
export async function firedOf(queue: Queue): Promise<ReadonlyMap<string, readonly string[]>> {
  const fired = new Map<string, string[]>();
  let afterId: string | undefined;
  for (;;) {
    const page = await queue.strategy.contents(queue.driver, afterId, PAGE);
    if (page.length === 0) return fired;
    for (const { payload } of page) {
      assert(typeof payload === 'object' && payload !== null && 'name' in payload && 'dueAt' in payload);
      const name = String(payload.name);
      fired.set(name, [...(fired.get(name) ?? []), String(payload.dueAt)]);
    }
    afterId = page.at(-1)?.id;
  }
}

/** From `start` on, `count` instants, `everyMinutes` apart. */
export function everyFrom(start: string, everyMinutes: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) =>
    new Date(Date.parse(start) + n * everyMinutes * 60_000).toISOString(),
  );
}
