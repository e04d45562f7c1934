// Which stand-ins are there, and what is each made of?

import { UsageError } from '../../harness/errors.ts';
import { POSTGRES_MAJORS, type PostgresMajor } from '../../harness/server/binary-pins.ts';
import { postgresContext } from './postgres.ts';

/** One image to build. */
export interface StandIn {
  readonly name: string;
  /** Tells the version of what the image is for. */
  readonly versionCommand: readonly string[];
  /** Fills the folder that is built from, and gives the build's arguments. */
  prepare(context: string): Promise<Readonly<Record<string, string>>>;
}

/** The names that the command takes. Grafana is not among Debian's packages. */
export const IMAGES = ['postgres'] as const;

/** The images that are asked for. @throws UsageError on an unknown name or major. */
export function standIns(names: readonly string[], majors: string | undefined): readonly StandIn[] {
  const unknown = names.find((name) => name !== 'all' && !IMAGES.some((image) => image === name));
  if (unknown !== undefined) throw new UsageError(`there is no stand-in "${unknown}": see --help`);
  const wanted = names.includes('all') ? IMAGES : names.length === 0 ? ['postgres'] : names;
  return wanted.flatMap((name) => (name === 'postgres' ? readMajors(majors ?? '18').map(postgres) : []));
}

function readMajors(text: string): readonly PostgresMajor[] {
  return text.split(',').map((word) => {
    const major = POSTGRES_MAJORS.find((known) => known === word.trim());
    if (major === undefined)
      throw new UsageError(`--pg takes majors from 14 to 18, such as 18,17: not "${word}"`);
    return major;
  });
}

function postgres(major: PostgresMajor): StandIn {
  return {
    name: `claimbench/stand-in-postgres:${major}`,
    versionCommand: ['postgres', '--version'],
    prepare: (context) => postgresContext(major, context),
  };
}
