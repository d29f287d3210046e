/**
 * A document of which these parts, each between `<!-- begin NAME -->` and `<!-- end NAME -->`, are made again. `name`:
 * that of the document, for the error. Throws if a marker is missing.
 */
export function withParts(document: string, name: string, parts: Readonly<Record<string, string>>): string {
  let text = document;
  for (const [part, made] of Object.entries(parts)) {
    const [begin, end] = [`<!-- begin ${part} -->`, `<!-- end ${part} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${name} has no ${begin} … ${end}`);
    const inside = made === '' ? '\n\n' : `\n\n${made}\n\n`;
    text = `${text.slice(0, from + begin.length)}${inside}${text.slice(to)}`;
  }
  return text;
}
