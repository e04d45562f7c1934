// A strategy that keeps its jobs where a crash would empty them: as fast as no durable one can be.

import { qualify, type StrategyFactory } from '../../queue/index.ts';
import { planted } from './plant.ts';

const sound = planted('keeps-unlogged-tables', 'batch', () => ({}));

const unlogged: StrategyFactory = {
  ...sound,
  create(options) {
    const strategy = sound.create(options);
    return new Proxy(strategy, {
      get(target, property) {
        if (property === 'install') {
          return async (db: Parameters<typeof target.install>[0]) => {
            await target.install(db);
            await db.query({ text: `ALTER TABLE ${qualify(options.schema, 'jobs')} SET UNLOGGED` });
          };
        }
        const value: unknown = Reflect.get(target, property);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  },
};

export default unlogged;
