#!/usr/bin/env node
// The program is TypeScript and is run as it stands: a checkout works straight after `npm ci`, with nothing built.
import 'tsx/esm';

await import('../harness/cli.ts');
