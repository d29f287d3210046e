import type { Sighting } from '../../model/sighting.ts';

/** A sighting before it is known when it is said. */
export type Spotted = Omit<Sighting, 'kind' | 'said_ms'>;

/**
 * Looks into the rows that have come by now for the cause of what was suspected. Undefined: not in the record yet. With
 * `last` it will not be asked again. `ordinary`: not worth a sentence, because an operator, an open fault or the
 * harness itself explains it; then the next of its kind is the first.
 */
export type Inquiry = (last: boolean) => Promise<Spotted | 'ordinary' | undefined> | Spotted | 'ordinary' | undefined;
