// Over which drivers is everything tried that must not depend on the driver?

import type { Driver } from '../drivers/driver.ts';
import type { DriverOptions } from '../drivers/options.ts';
import { pgDriver } from '../drivers/pg.ts';
import { postgresDriver } from '../drivers/postgres.ts';

/** A driver in one of the ways in which it can be used. */
export interface DriverKind {
  readonly label: string;
  readonly library: 'pg' | 'postgres';
  readonly pipeline: boolean;
  open(options: DriverOptions): Driver;
}

/** Both client libraries, with statements travelling together and one by one. */
export const driverKinds: readonly DriverKind[] = [
  { label: 'pg', library: 'pg', pipeline: true, open: pgDriver },
  {
    label: 'pg without pipeline',
    library: 'pg',
    pipeline: false,
    open: (options) => pgDriver({ ...options, pipeline: false }),
  },
  { label: 'postgres', library: 'postgres', pipeline: true, open: postgresDriver },
  {
    label: 'postgres without pipeline',
    library: 'postgres',
    pipeline: false,
    open: (options) => postgresDriver({ ...options, pipeline: false }),
  },
];
