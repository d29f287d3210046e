import fc from 'fast-check';

/** Tests only: one of the values with one part of it, at any depth, replaced by any JSON. Not the value as a whole. */
export function bent(values: readonly object[]): fc.Arbitrary<unknown> {
  return fc.tuple(fc.constantFrom(...values), fc.nat(), fc.jsonValue({ maxDepth: 2 })).map(([value, which, other]) => {
    const copy = structuredClone(value) as Record<string, unknown>;
    const places: [Record<string, unknown>, string][] = [];
    const walk = (node: Record<string, unknown>) => {
      for (const [name, child] of Object.entries(node)) {
        places.push([node, name]);
        if (typeof child === 'object' && child !== null) walk(child as Record<string, unknown>);
      }
    };
    walk(copy);
    const place = places[which % Math.max(1, places.length)];
    if (place) place[0][place[1]] = other;
    return copy;
  });
}
