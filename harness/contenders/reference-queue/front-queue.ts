// What of the reference queue does an HTTP front use?

import type { Queue } from '../../../queue/index.ts';
import type { FrontQueue } from '../../contender.ts';

/** The named queue as a front sees it: `inspect` is absent where the strategy looks no single jobs up. */
export function frontQueue(
  queue: Queue,
  name: string,
  { backlog, release }: { readonly backlog: () => Promise<number>; readonly release: () => Promise<void> },
): FrontQueue {
  return {
    async enqueue({ payload, priority, runAtMs }) {
      const options = {
        ...(priority === undefined || priority === 0 ? {} : { priority }),
        ...(runAtMs === undefined ? {} : { runAt: new Date(runAtMs) }),
      };
      return await queue.enqueue({ queue: name, payload, ...options });
    },
    backlog,
    ...(queue.strategy.inspection === undefined
      ? {}
      : {
          async inspect(id) {
            const job = await queue.inspect(id);
            return job === undefined ? undefined : { state: job.state, attempt: job.attempt };
          },
        }),
    [Symbol.asyncDispose]: release,
  };
}
