// Which images stand in for published ones where no registry is reached? `npm run docker:stand-in -- --help` tells.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { isForUser, oneLine, RuntimeFailure, UsageError } from '../../harness/errors.ts';
import { debianBase } from './base.ts';
import { docker, engineAnswers, mayTag, STAND_IN_LABEL } from './engine.ts';
import { IMAGES, type StandIn, standIns } from './images.ts';

const HELP = `npm run docker:stand-in -- [image…] [--pg 18,17] [--as name:tag]

Builds claimbench/stand-in-<image> from Debian's packages and npm's, without an image registry. Needs root and an engine.
  image   ${IMAGES.join(', ')}, or all (default: postgres)
  --pg    majors of the postgres image, 14 to 18 (default: 18)
  --as    a further name for the image, such as postgres:18; when one image is built
`;

const BUILD_TIMEOUT_MS = 600_000;

process.exitCode = await main(process.argv.slice(2));

async function main(words: string[]): Promise<number> {
  try {
    const { values, positionals } = readWords(words);
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const images = standIns(positionals, values.pg);
    if (values.as !== undefined && images.length !== 1) {
      throw new UsageError(`--as names one image, and ${images.length} are built: name one`);
    }
    if (!engineAnswers()) throw new RuntimeFailure('no Docker engine answers: start one (docker info)');
    for (const image of images) await build(image, values.as === undefined ? [] : [values.as]);
    return 0;
  } catch (error) {
    if (!isForUser(error)) throw error;
    process.stderr.write(`docker:stand-in: ${error.message}\n`);
    return error.exitCode;
  }
}

function readWords(words: string[]) {
  try {
    return parseArgs({
      args: words,
      allowPositionals: true,
      options: { pg: { type: 'string' }, as: { type: 'string' }, help: { type: 'boolean' } },
    });
  } catch (error) {
    throw new UsageError(`${oneLine(error)}: see --help`);
  }
}

/** Builds one image. The engine's own cache knows what has changed: nothing changed takes seconds. */
async function build(image: StandIn, furtherNames: readonly string[]): Promise<void> {
  const names = [image.name, ...furtherNames];
  const taken = names.find((name) => !mayTag(name));
  if (taken !== undefined) {
    throw new UsageError(`${taken} is there and no stand-in: it is left alone; choose another --as`);
  }
  const context = mkdtempSync(path.join(tmpdir(), 'claimbench-stand-in-'));
  try {
    const base = debianBase();
    const values = await image.prepare(context);
    const settings = Object.entries({ BASE: base, ...values });
    const id = docker(
      [
        ...['build', '--quiet', '--network', 'host', '--label', `${STAND_IN_LABEL}=true`],
        ...settings.flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
        context,
      ],
      { timeoutMs: BUILD_TIMEOUT_MS },
    );
    const version = versionOf(id, image.versionCommand);
    docker(['build', '--quiet', ...names.flatMap((name) => ['--tag', name]), '-'], {
      input: `FROM ${id}\nLABEL org.opencontainers.image.version=${version}\n`,
    });
    process.stdout.write(`${names.join(', ')}: ${version}\n`);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** What the program says of itself, in the image that holds it. */
function versionOf(id: string, command: readonly string[]): string {
  const [program = '', ...words] = command;
  const said = docker(['run', '--rm', '--network', 'none', '--entrypoint', program, id, ...words]);
  const version = /\d+(\.\d+)+/.exec(said)?.[0];
  if (version === undefined)
    throw new RuntimeFailure(`${command.join(' ')} told no version: ${oneLine(said)}`);
  return version;
}
