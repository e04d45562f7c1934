// Which Docker image may a test use, and why are the tests that need one left out?

import { engineAnswers, hasImage } from '../docker/stand-in/engine.ts';

const OFFICIAL = 'postgres:18';
const STAND_IN = 'claimbench/stand-in-postgres:18';

/** The image of PostgreSQL that tests start: `CLAIMBENCH_TEST_IMAGE`, else the official one where the engine has it, else the stand-in. */
export function testImage(): string {
  const named = process.env['CLAIMBENCH_TEST_IMAGE'];
  if (named) return named;
  return hasImage(OFFICIAL) ? OFFICIAL : STAND_IN;
}

/**
 * Why a test that needs Docker is left out; undefined where it can run. Nothing is fetched or built for a test:
 * `npm run docker:stand-in` builds what no registry gave. For `{ skip: dockerMissing() ?? false }`.
 */
export function dockerMissing(image: string = testImage()): string | undefined {
  if (!engineAnswers()) return 'no Docker engine answers';
  if (!hasImage(image)) return `the engine has no image ${image}: npm run docker:stand-in builds stand-ins`;
  return undefined;
}
