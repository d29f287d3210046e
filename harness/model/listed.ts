/** `a, b and c`. */
export function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** `a, b and 7 more`. */
export function some(items: readonly string[], limit: number): string {
  return items.length <= limit ? listed(items) : `${items.slice(0, limit).join(', ')} and ${items.length - limit} more`;
}
