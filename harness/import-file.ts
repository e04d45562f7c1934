// How is a file of the user's own loaded, in whatever TypeScript it is written?

import { pathToFileURL } from 'node:url';

type Module = Readonly<Record<string, unknown>> & { readonly default?: unknown };

/** Node's codes for what tsx can load all the same: syntax that is not erased, modules named without their ending, TypeScript in node_modules. */
const FOR_TSX: readonly unknown[] = [
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_INVALID_TYPESCRIPT_SYNTAX',
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING',
];

/**
 * Its module. Our own sources keep to what Node strips of types by itself, which starts faster; a file of somebody else's may have enums, or
 * imports of types that do not say so. What Node refuses tsx compiles, with all that it imports. Rejects with whatever the file throws.
 */
export async function importFile(path: string): Promise<Module> {
  const { href } = pathToFileURL(path);
  try {
    return await import(href);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (!(error instanceof SyntaxError) && !FOR_TSX.includes(code)) throw error;
  }
  const { register } = await import('tsx/esm/api');
  register();
  return unwrapped(await import(href));
}

/** A module in a folder that is not declared to hold ES modules comes as what `require` gives. */
function unwrapped(loaded: Module): Module {
  const { default: inner } = loaded;
  return 'module.exports' in loaded && typeof inner === 'object' && inner !== null && 'default' in inner
    ? inner
    : loaded;
}
