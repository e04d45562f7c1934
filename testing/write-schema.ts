// Writes the published JSON Schema of result.json: `npm run schema`.

import { writeFileSync } from 'node:fs';
import { publishedSchema } from '../harness/result-schema.ts';

writeFileSync(
  new URL('../docs/result.schema.json', import.meta.url),
  `${JSON.stringify(publishedSchema(), null, 2)}\n`,
);
