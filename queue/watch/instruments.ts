// Which OpenTelemetry instruments does a queue have?

import type { Meter } from '@opentelemetry/api';

/** Bounds of the conventions, in seconds. */
const SECONDS = {
  unit: 's',
  advice: {
    explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
};

/** All of them, made on `meter`. Those that begin with `messaging.` are of the semantic conventions. */
export function instrumentsOf(meter: Meter) {
  return {
    sent: meter.createCounter('messaging.client.sent.messages', {
      unit: '{message}',
      description: 'Jobs enqueued.',
    }),
    consumed: meter.createCounter('messaging.client.consumed.messages', {
      unit: '{message}',
      description: 'Jobs handed to a handler.',
    }),
    operation: meter.createHistogram('messaging.client.operation.duration', {
      ...SECONDS,
      description: 'Duration of enqueues.',
    }),
    process: meter.createHistogram('messaging.process.duration', {
      ...SECONDS,
      description: 'Service time: from the start of a handler to its end.',
    }),
    outcomes: meter.createCounter('claimbench.job.outcomes', {
      unit: '{job}',
      description: 'Jobs settled, given back or lost, by what became of them.',
    }),
    running: meter.createUpDownCounter('claimbench.job.running', {
      unit: '{job}',
      description: 'Jobs whose handlers run.',
    }),
  };
}
