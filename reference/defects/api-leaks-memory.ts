import type { Defect } from './defect.ts';

const KEPT_BYTES = 256 * 1024;
const kept: Buffer[] = [];

export const apiLeaksMemory: Defect = {
  name: 'api-leaks-memory',
  summary: 'the API server keeps some memory of every request',
  story:
    'A cache without a bound, keyed by something that never comes again. Nothing is wrong for hours; then the ' +
    'server is killed for its memory, always on the busiest day. Here it keeps 256 KiB a request, so that half a ' +
    'minute shows it.',
  caughtBy: ['memory-is-bounded'],
  scenario: 'crowd',
  durationS: 45,
  change: () => ({
    onRequest: () => {
      // Filled, because pages that were never written to do not count as resident.
      kept.push(Buffer.alloc(KEPT_BYTES, 1));
    },
  }),
};
