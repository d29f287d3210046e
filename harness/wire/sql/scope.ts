/** What names mean in a query, or in a statement that writes. */
export class Scope {
  readonly outer: Scope | undefined;
  /** Tables of its FROM, and of nothing within. */
  readonly tables: string[] = [];
  /** Names of common table expressions. */
  readonly expressions = new Set<string>();
  /** Its rows are counted or summed up. */
  aggregates = false;
  /** Undefined for what is derived from a query or a function. */
  readonly #names = new Map<string, string | undefined>();

  constructor(outer: Scope | undefined) {
    this.outer = outer;
  }

  add(table: string, name: string): void {
    this.tables.push(table);
    this.#names.set(name, table);
  }

  derive(name = ''): void {
    this.#names.set(name, undefined);
  }

  isExpression(name: string): boolean {
    return this.expressions.has(name) || (this.outer?.isExpression(name) ?? false);
  }

  /** The table that a qualifier means; of a column without one, the first table that is near. */
  tableOf(qualifier: string | undefined): string | undefined {
    if (qualifier === undefined) return this.#names.size > 0 ? this.tables[0] : this.outer?.tableOf(undefined);
    return this.#names.has(qualifier) ? this.#names.get(qualifier) : this.outer?.tableOf(qualifier);
  }
}
