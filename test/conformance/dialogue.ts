import type { Shape } from './shapes.ts';
import type { Talk } from './talk.ts';

/** A sequence of requests, some of them at once, and of looks into the database. */
export interface Dialogue {
  /** `group/what happens`. */
  readonly name: string;
  readonly shape: Shape;
  /** Needs a scheduler that continues: played first, at the same time as the others of its kind. */
  readonly scheduled?: true;
  play(talk: Talk): Promise<void>;
}
