import type { Fault } from './fault.ts';
import { pause } from './pause.ts';

/** All faults, in the order of `windtunnel list`. */
export const FAULTS: readonly Fault[] = [pause];
