#!/usr/bin/env node
import { existsSync } from 'node:fs';

// `windtunnel list | head` closes our output early. A run must end in order all the same.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

// A checkout has the sources, the package the JavaScript that was made of them.
const sources = new URL('../harness/cli.ts', import.meta.url);
await load('./typescript.mjs');
const { main, endOnCrash } = await load(existsSync(sources) ? sources.href : '../dist/harness/cli.js');
endOnCrash();
process.exitCode = await main(process.argv.slice(2), process);
// All is done and printed. A connection that was forgotten must not keep the command for ever.
setTimeout(() => process.exit(), 10_000).unref();

/** A package that is missing says nothing about a build: 70, not Node's exit code 1. */
async function load(file) {
  try {
    return await import(file);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') console.error(error);
    else console.error(`${error.message}\nInstall the packages of windtunnel first: npm ci --ignore-scripts`);
    return process.exit(70);
  }
}
