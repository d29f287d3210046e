import type { RowKey } from '../model/seen.ts';
import type { Catalogue } from './catalogue.ts';
import type { Bound } from './conversation.ts';

/** OIDs of PostgreSQL's own types: they are the same in every database. */
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const UUID = 2950;
const TEXTS = new Set([18, 19, 25, 1042, 1043]);
const BINARY = 1;

/** A value as text, in the format of the protocol that it was sent in; null for one that cannot be read. */
function textOf(message: Buffer, from: number, to: number, type: number, format: number): string | null {
  if (format !== BINARY || TEXTS.has(type)) return message.toString('utf8', from, to);
  const bytes = message.subarray(from, to);
  if (type === UUID && bytes.length === 16)
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  if (type === INT2 && bytes.length === 2) return String(bytes.readInt16BE());
  if (type === INT4 && bytes.length === 4) return String(bytes.readInt32BE());
  if (type === INT8 && bytes.length === 8) return String(bytes.readBigInt64BE());
  return null;
}

/** One format for all, or one for each; none: text. */
function formatOf(formats: readonly number[], i: number): number {
  return (formats.length === 1 ? formats[0] : formats[i]) ?? 0;
}

/** A Bind message: the portal and the statement, then what follows here. */
class BindReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bind: Buffer) {
    this.#bytes = bind;
    this.#at = bind.indexOf(0, bind.indexOf(0) + 1) + 1;
  }

  shorts(): number[] {
    return Array.from({ length: this.#short() }, () => this.#short());
  }

  values(): (Buffer | undefined)[] {
    return Array.from({ length: this.#short() }, () => {
      const length = this.#bytes.readInt32BE(this.#at);
      this.#at += 4;
      if (length < 0) return undefined;
      this.#at += length;
      return this.#bytes.subarray(this.#at - length, this.#at);
    });
  }

  #short(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }
}

/** The parameters of an execution. */
export function parametersOf({ bind, prepared }: Bound): (string | null)[] {
  const reader = new BindReader(bind);
  const formats = reader.shorts();
  return reader
    .values()
    .map((bytes, i) => (bytes ? textOf(bytes, 0, bytes.length, prepared.types[i] ?? 0, formatOf(formats, i)) : null));
}

/** In which formats an execution returns its columns. */
export function resultFormats({ bind }: Bound): number[] {
  const reader = new BindReader(bind);
  reader.shorts();
  reader.values();
  return reader.shorts();
}

/** The types that a ParameterDescription names. */
export function describedTypes(body: Buffer): number[] {
  return Array.from({ length: body.readInt16BE(0) }, (_, i) => body.readInt32BE(2 + 4 * i));
}

interface KeyColumn {
  readonly index: number;
  readonly type: number;
  readonly relation: string;
  readonly column: string;
  /** Counts the entities of a row: a table may be there twice. */
  readonly entity: number;
}

/** Where the keys are in the rows that a RowDescription announces. */
export type KeyColumns = readonly KeyColumn[];

const remembered = new WeakMap<Catalogue, Map<string, KeyColumns>>();
const MOST_REMEMBERED = 2_000;

/** Undefined: the catalogue does not know a table of it yet. */
export function keyColumnsOf(description: Buffer, catalogue: Catalogue): KeyColumns | undefined {
  const text = description.toString('latin1');
  const known = remembered.get(catalogue) ?? new Map<string, KeyColumns>();
  remembered.set(catalogue, known);
  const found = known.get(text);
  if (found) return found;
  const columns = readKeyColumns(description, catalogue);
  if (!columns) return undefined;
  if (known.size >= MOST_REMEMBERED) known.clear();
  known.set(text, columns);
  return columns;
}

function readKeyColumns(description: Buffer, catalogue: Catalogue): KeyColumns | undefined {
  const columns: KeyColumn[] = [];
  const seen = new Set<string>();
  let relation = '';
  let entity = 0;
  let at = 2;
  for (let index = 0; index < description.readInt16BE(0); index++) {
    at = description.indexOf(0, at) + 1;
    const table = description.readUInt32BE(at);
    const column = catalogue.keyColumn(table, description.readInt16BE(at + 4));
    if (column === 'unknown') return undefined;
    if (column) {
      // SQLAlchemy selects the columns of one entity after the other.
      if (column.relation !== relation || seen.has(column.column)) {
        entity++;
        seen.clear();
      }
      relation = column.relation;
      seen.add(column.column);
      columns.push({ index, type: description.readUInt32BE(at + 6), entity, ...column });
    }
    at += 18;
  }
  return columns;
}

/** The keys in a DataRow, one for each entity of it. */
export function keysIn(row: Buffer, columns: KeyColumns, formats: readonly number[]): RowKey[] {
  const keys: RowKey[] = [];
  let found: Record<string, string> = {};
  let last: KeyColumn | undefined;
  let at = 2;
  let index = 0;
  for (const column of columns) {
    for (; index < column.index; index++) at += 4 + Math.max(0, row.readInt32BE(at));
    const length = row.readInt32BE(at);
    if (length < 0) continue;
    const value = textOf(row, at + 4, at + 4 + length, column.type, formatOf(formats, index));
    if (value === null) continue;
    if (last?.entity !== column.entity) {
      found = {};
      keys.push({ relation: column.relation, columns: found });
    }
    last = column;
    found[column.column] = value;
  }
  return keys;
}
