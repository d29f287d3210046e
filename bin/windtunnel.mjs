#!/usr/bin/env node
import { existsSync } from 'node:fs';

import './typescript.mjs';

// `windtunnel list | head` closes our output early. A run must end in order all the same.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

// A checkout has the sources, the package the JavaScript that was made of them.
const sources = new URL('../harness/cli.ts', import.meta.url);
const { main } = await import(existsSync(sources) ? sources.href : '../dist/harness/cli.js');
process.exitCode = await main(process.argv.slice(2), process);
