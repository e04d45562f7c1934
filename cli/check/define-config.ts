// What a claimbench.config.ts imports, so that its editor knows the keys.

import type { ConfigInput } from './config.ts';

/** Types a configuration while it is written; it is validated when a command reads it. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
