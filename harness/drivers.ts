// Which client library does a contender stand on, and which version of it?

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type Driver, type DriverOptions, pgDriver, postgresDriver } from '../queue/index.ts';
import type { DriverName } from './contender.ts';

const DRIVERS: Readonly<Record<DriverName, (options: DriverOptions) => Driver>> = {
  pg: pgDriver,
  postgres: postgresDriver,
};

/** A driver over the client library of that name. */
export function openDriver(name: DriverName, options: DriverOptions): Driver {
  return DRIVERS[name](options);
}

/** The version that is installed. Read beside the code that is loaded: not every package lets its package.json be imported. */
export function versionOf(name: DriverName): string {
  const entry = import.meta.resolve(name);
  const root = entry.slice(0, entry.lastIndexOf(`/node_modules/${name}/`) + `/node_modules/${name}/`.length);
  const text = readFileSync(new URL('package.json', root), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
