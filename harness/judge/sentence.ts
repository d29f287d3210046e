import { identifier, literal } from '../run-folder/files.ts';

/** What `{column:format}` makes of a value, as SQL over it. */
const FORMATS: Readonly<Record<string, (value: string) => string>> = {
  seconds: (value) => `seconds(${value})`,
  state: (value) => `state_name(${value})`,
  ms: (value) => `format('{:.0f} ms', ${value}::DOUBLE)`,
  mib: (value) => `format('{:.0f} MiB', ${value} / 1048576)`,
  // Says nothing, and is there only to leave a text in brackets out.
  if: () => "''",
  count: (value) => `format('{:d}', ${value}::BIGINT)`,
};

/** Where nothing is known of these, a sentence says so. */
const UNKNOWN: Readonly<Record<string, string>> = { writer: 'an unknown process', writer_role: 'an unknown process' };

const PLACE = /\{(\w+)(?::(\w+))?(?:\|([^{}]*))?\}/g;

/**
 * A template as SQL over the columns of the violations: `{column}`, `{column:seconds}`, `{column|what to say if NULL}`.
 * What stands in `[…]` is left out where one of its columns is NULL.
 */
export function sentenceSql(template: string): string {
  const parts = template.split(/(\[[^[\]]*\])/);
  const pieces = parts.filter(Boolean).map((part, index) => {
    const optional = /^\[(.*)\]$/s.exec(part)?.[1];
    return optional === undefined
      ? `concat(${joined(part, index === 0)})`
      : `coalesce(${joined(optional, false, ' || ')}, '')`;
  });
  return `concat(${pieces.join(', ')})`;
}

/** The columns that a template names, and the formats that do not exist. */
export function placesOf(template: string): { columns: string[]; unknownFormats: string[] } {
  const places = [...template.matchAll(PLACE)];
  return {
    columns: places.map(([, column = '']) => column),
    unknownFormats: places.flatMap(([, , format]) => (format !== undefined && !(format in FORMATS) ? [format] : [])),
  };
}

export const SENTENCE_FORMATS = Object.keys(FORMATS);

function joined(text: string, isFirst: boolean, by = ', '): string {
  const pieces: string[] = [];
  let at = 0;
  for (const place of text.matchAll(PLACE)) {
    const [whole, column = '', format, instead] = place;
    if (place.index > at) pieces.push(literal(text.slice(at, place.index)));
    // In brackets what is not known leaves the text out instead.
    const unknown = by === ', ' ? UNKNOWN[column] : undefined;
    pieces.push(valueSql(column, format, instead ?? (isFirst && place.index === 0 ? capital(unknown) : unknown)));
    at = place.index + whole.length;
  }
  if (at < text.length) pieces.push(literal(text.slice(at)));
  return pieces.join(by);
}

function capital(text: string | undefined): string | undefined {
  return text && text.charAt(0).toUpperCase() + text.slice(1);
}

function valueSql(column: string, format: string | undefined, instead: string | undefined): string {
  const name = identifier(column);
  const formatted = FORMATS[format ?? '']?.(name) ?? `${name}::VARCHAR`;
  // Some macros make a text of NULL, too.
  const shown = `CASE WHEN ${name} IS NOT NULL THEN ${formatted} END`;
  return instead === undefined ? shown : `coalesce(${shown}, ${literal(instead)})`;
}
