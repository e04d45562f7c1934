// Writes the published JSON Schemas, of result.json and of scenarios: `npm run schema`.

import { writeFileSync } from 'node:fs';
import { publishedSchema } from '../harness/result/schema.ts';
import { publishedScenarioSchema } from '../scenarios/published-schema.ts';

for (const [name, schema] of [
  ['result', publishedSchema()],
  ['scenario', publishedScenarioSchema()],
] as const)
  writeFileSync(
    new URL(`../docs/${name}.schema.json`, import.meta.url),
    `${JSON.stringify(schema, null, 2)}\n`,
  );
