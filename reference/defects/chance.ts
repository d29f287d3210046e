/**
 * Whether a slip that strikes one in `n` strikes this one. By a hash of the key instead of by chance, so that a
 * replay of the same request meets what the first sending met.
 */
export function oneIn(n: number, key: string): boolean {
  let hash = 2166136261; // FNV-1a, 32 bits.
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 16777619);
  return (hash >>> 0) % n === 0;
}
