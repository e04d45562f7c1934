// In which format does a scraper want its answer?

import type { Format } from './exposition.ts';

const VERSION = '1.0.0';

/** By its `Accept` header: OpenMetrics where it is named, in a version that is spoken here, and no plain text is preferred. */
export function formatFor(accept: string | undefined): Format {
  let openMetrics = 0;
  let plain = 0;
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const value = (name: string): string | undefined =>
      parameters.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
    const q = Number(value('q') ?? 1);
    if (type === 'application/openmetrics-text' && (value('version') ?? VERSION) === VERSION)
      openMetrics = Math.max(openMetrics, q);
    if (type === 'text/plain') plain = Math.max(plain, q);
  }
  return openMetrics > 0 && openMetrics >= plain ? 'openmetrics' : 'prometheus';
}
