/**
 * Whether a defect that affects one in `n` affects this key. A hash decides, so that a replayed request meets the same.
 */
export function oneIn(n: number, key: string): boolean {
  let hash = 2166136261; // FNV-1a, 32 bits.
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 16777619);
  return (hash >>> 0) % n === 0;
}
