// What does the bundle's schema look like to other tools?

import { z } from 'zod';
import { resultSchema } from './result.ts';

/** JSON Schema (draft 2020-12) of result.json. */
export function publishedSchema(): unknown {
  return JSON.parse(JSON.stringify({ title: 'claimbench result.json', ...z.toJSONSchema(resultSchema) }));
}
