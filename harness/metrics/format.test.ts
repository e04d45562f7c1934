// Is each scraper answered in the format that it asks for?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFor } from './format.ts';

const CASES: readonly (readonly [accept: string | undefined, format: string])[] = [
  [undefined, 'prometheus'],
  ['', 'prometheus'],
  ['*/*', 'prometheus'],
  ['text/plain', 'prometheus'],
  ['application/openmetrics-text', 'openmetrics'],
  ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
  ['Application/OpenMetrics-Text;Version=1.0.0', 'openmetrics'],
  ['application/openmetrics-text;version=0.0.1', 'prometheus'],
  ['application/openmetrics-text;q=0', 'prometheus'],
  ['application/openmetrics-text;q=0.2, text/plain;q=0.5', 'prometheus'],
  ['text/html, application/json;q=0.9', 'prometheus'],
  ['application/openmetrics-text;q=nonsense', 'prometheus'],
  [',;,;;=,q=1', 'prometheus'],
];

test('OpenMetrics for who names it and does not prefer plain text; the text format for all others', () => {
  for (const [accept, format] of CASES) assert.equal(formatFor(accept), format, String(accept));
});

test('what Prometheus 2 and 3 send is answered with OpenMetrics', () => {
  const two =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  const three =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';
  assert.equal(formatFor(two), 'openmetrics');
  assert.equal(formatFor(three), 'openmetrics');
});
