import { createHash, timingSafeEqual } from 'node:crypto';

/** Fewer characters could be tried out over a network. */
export const SECRET_LENGTH = 16;

/** How long it takes says nothing about where two secrets differ. */
export function isSecret(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
