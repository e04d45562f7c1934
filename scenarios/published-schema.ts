// What does a scenario look like to an editor that checks a YAML or JSON file while it is written?

import { z } from 'zod';
import { scenarioSchema } from './scenario.ts';

/** Not replaced by a short form. */
const KEPT: ReadonlySet<string> = new Set(['name', 'question', 'group', 'smoke']);

const documentSchema = z.looseObject({ properties: z.record(z.string(), z.unknown()) });

/** JSON Schema (draft 2020-12) of a scenario as its author writes it. `smoke` takes every other key, and `$schema` names this file. */
export function publishedScenarioSchema(): Readonly<Record<string, unknown>> {
  const text = JSON.stringify(z.toJSONSchema(scenarioSchema, { io: 'input' }));
  const { properties, ...rest } = documentSchema.parse(JSON.parse(text));
  const others = Object.fromEntries(Object.entries(properties).filter(([key]) => !KEPT.has(key)));
  return {
    title: 'claimbench scenario',
    ...rest,
    properties: {
      ...properties,
      smoke: { type: 'object', properties: others, additionalProperties: false },
      $schema: { type: 'string' },
    },
  };
}
