// Makes this process run TypeScript: `node --import ./bin/typescript.mjs FILE.ts`.
//
// Node 22.18 and later run the sources as they are; in an older Node a hook strips the types as files are loaded. Both do
// it in memory, each time: no code is run from a cache folder, which another user of the machine could have filled. The
// package has the same files as JavaScript (`npm run build`), where only a user's own scenario may be TypeScript.
import * as module from 'node:module';

if (!process.features.typescript) await stripTypes();

/** From here on a file that ends in .ts or .mts is an ES module, whatever the package.json above it says. */
export async function stripTypes() {
  const hooks = './typescript-hooks.mjs';
  if (module.registerHooks) module.registerHooks(await import(hooks));
  else module.register(hooks, import.meta.url);
}
