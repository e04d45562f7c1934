// A contender that enqueues beside the transaction it was asked to enqueue in, so that a rollback leaves its jobs behind.

import type { ContenderDefinition } from '../../harness/contender.ts';
import { CONTENDERS } from '../../harness/contenders/index.ts';

const sound = CONTENDERS.find(({ name }) => name === 'skip-locked');
if (sound === undefined) throw new Error('there is no skip-locked');

const enqueuesOutside: ContenderDefinition = {
  ...sound,
  name: 'enqueues-outside',
  async open(target, axes) {
    const contender = await sound.open(target, axes);
    const openProducer: typeof contender.openProducer = async (connections) => {
      const producer = await contender.openProducer(connections);
      return {
        ...producer,
        async enqueueInTransaction(jobs, options) {
          for (const job of jobs) await producer.enqueue(job);
          await producer.enqueueInTransaction?.([], options);
        },
        [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
      };
    };
    return new Proxy(contender, {
      get(of, property) {
        if (property === 'openProducer') return openProducer;
        const value: unknown = Reflect.get(of, property);
        return typeof value === 'function' ? value.bind(of) : value;
      },
    });
  },
};
export default enqueuesOutside;
