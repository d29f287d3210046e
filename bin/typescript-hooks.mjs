// The hook of typescript.mjs. What strips the types here is what does it in Node 22 and 24: spaces take the place of types,
// so that a stack trace names the right lines.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

// Only while swc is loaded: V8 would compile its WebAssembly a second time, optimised, and a hundred files do not make
// up for that. No other module is loaded between the two flags.
setFlagsFromString('--liftoff-only');
const { default: swc } = await import('@swc/wasm-typescript');
setFlagsFromString('--no-liftoff-only');

export function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !/\.m?ts$/.test(new URL(url).pathname)) return nextLoad(url, context);
  const file = fileURLToPath(url);
  return { format: 'module', source: stripped(file), shortCircuit: true };
}

function stripped(file) {
  try {
    return swc.transformSync(readFileSync(file, 'utf8'), { mode: 'strip-only', module: true, filename: file }).code;
  } catch (error) {
    // What swc throws is no Error.
    throw new SyntaxError(`${file}: ${error.message ?? error}`);
  }
}
