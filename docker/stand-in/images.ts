// Which stand-ins are there, and what is each made of?

import { cpSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { RuntimeFailure, UsageError } from '../../harness/errors.ts';
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
export const IMAGES = ['postgres', 'pgbouncer', 'redis', 'rabbitmq', 'prometheus', 'node'] as const;

/** The images that are asked for. @throws UsageError on an unknown name or major. */
export function standIns(names: readonly string[], majors: string | undefined): readonly StandIn[] {
  const unknown = names.find((name) => name !== 'all' && !IMAGES.some((image) => image === name));
  if (unknown !== undefined) throw new UsageError(`there is no stand-in "${unknown}": see --help`);
  const wanted = IMAGES.filter((name) => names.includes('all') || names.includes(name));
  return (names.length === 0 ? (['postgres'] as const) : wanted).flatMap((name) => standIn(name, majors));
}

function standIn(name: (typeof IMAGES)[number], majors: string | undefined): readonly StandIn[] {
  switch (name) {
    case 'postgres':
      return readMajors(majors ?? '18').map(postgres);
    case 'pgbouncer':
      return [debian(name, '1.24', ['pgbouncer', '--version'])];
    case 'redis':
      return [debian(name, '8.0', ['redis-server', '--version'])];
    case 'rabbitmq':
      return [debian(name, '4.0', ['rabbitmqctl', '--version'])];
    case 'prometheus':
      return [debian(name, '2.53', ['prometheus', '--version'])];
    case 'node':
      return [node()];
  }
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

/** A package of Debian's and the few lines that make it an image. */
function debian(name: string, tag: string, versionCommand: readonly string[]): StandIn {
  return {
    name: `claimbench/stand-in-${name}:${tag}`,
    versionCommand,
    prepare: async (context) => {
      cpSync(path.join(import.meta.dirname, name), context, { recursive: true });
      return {};
    },
  };
}

function node(): StandIn {
  return {
    name: 'claimbench/stand-in-node:24',
    versionCommand: ['node', '--version'],
    prepare: async (context) => {
      cpSync(path.join(import.meta.dirname, 'node'), context, { recursive: true });
      cpSync(process.execPath, path.join(context, 'node'));
      cpSync(npmFolder(), path.join(context, 'npm'), { recursive: true });
      // A network that looks into TLS has a certificate of its own, which only this machine knows.
      const certificates = [process.env['NODE_EXTRA_CA_CERTS'], '/etc/ssl/certs/ca-certificates.crt'];
      const known = certificates.find((file) => file !== undefined && existsSync(file));
      const target = path.join(context, 'certificates.crt');
      if (known === undefined) writeFileSync(target, '');
      else cpSync(known, target);
      return {};
    },
  };
}

/** Where npm keeps itself: it is all JavaScript, with what it needs inside. */
function npmFolder(): string {
  const program = process.env['npm_execpath'] ?? '';
  if (path.basename(program) !== 'npm-cli.js') {
    throw new RuntimeFailure(
      'the npm of the node image is the one that runs this: use npm run docker:stand-in',
    );
  }
  return path.resolve(program, '../..');
}
