/** What one statement does, without its literals: a few hundred kinds make up all that Airflow sends. */
export interface StatementKind {
  /** Without literals, lists folded, what has no order sorted: the same for every statement of the kind. */
  readonly text: string;
  readonly verb: Verb;
  /** Relations by their names in the run folder, whatever the release calls them; each once, that written first. */
  readonly tables: readonly string[];
  /** What an INSERT, UPDATE or DELETE writes. */
  readonly target?: string;
  /** What FOR UPDATE and its like lock, and how: `update`, `no key update`, `share`, `key share`. */
  readonly locks: readonly string[];
  readonly lockMode?: string;
  readonly waits?: 'skip locked' | 'nowait';
  /** Of which rows are counted, summed up or asked whether there are any (`EXISTS`). */
  readonly counted: readonly string[];
  /** Columns that are set: of an INSERT those of its list, with those of ON CONFLICT DO UPDATE. */
  readonly set: readonly string[];
  /** `relation.column` of conditions: WHERE, ON and HAVING. */
  readonly where: readonly string[];
  /** An INSERT that updates the row that is there already. */
  readonly upserts: boolean;
  /** The name of a savepoint. */
  readonly savepoint?: string;
}

export type Verb =
  | 'select'
  | 'insert'
  | 'update'
  | 'delete'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'release'
  | 'rollback to'
  | 'other';

/** A column beside literals or parameters, in the order of the statement. */
export interface Condition {
  /** `set` also for the values of an INSERT. */
  readonly clause: 'set' | 'where';
  readonly relation: string;
  readonly column: string;
  /** `=`, `in`, `<>` …; of an INSERT `=`, with the values of each of its rows. */
  readonly operator: string;
  /** As text; null for NULL, and for what could not be read. */
  readonly values: readonly (string | null)[];
}

/** A row by what is known of `id`, `dag_id`, `run_id`, `task_id`, `map_index` and ids of others. */
export interface RowKey {
  readonly relation: string;
  readonly columns: Readonly<Record<string, string>>;
}

/** A row that a statement touched. */
export interface Touch {
  readonly mode: 'read' | 'lock' | 'write' | 'insert' | 'delete';
  readonly row: RowKey;
}

/** What the server said of a statement. */
export interface SeenAnswer {
  /** How many rows it returned or changed; undefined where it says nothing of rows. */
  readonly rows?: number;
  readonly sqlstate?: string;
  /** The keys of the rows that it returned. */
  readonly keys: readonly RowKey[];
}

/** One statement of a process. What must be parsed for it, is when it is asked for. */
export interface Seen {
  /** The process of the stack: `scheduler-1`. */
  readonly process: string;
  /** As in `WireHit`. */
  readonly pid: number;
  readonly application: string;
  /** Of this statement alone. */
  readonly text: string;
  /** All of the message that it was sent in. */
  readonly message: string;
  readonly kind: StatementKind;
  readonly conditions: readonly Condition[];
  /** How many statements were sent in one message with it: between them nothing can be held. */
  readonly packet: number;
  /** The number of its transaction on this connection, and its place there: BEGIN has 0, as what is alone. */
  readonly tx: number;
  readonly place: number;
  /**
   * What its transaction has done before it: without what failed, and without what was rolled back to a savepoint. From
   * when the wire was watched on.
   */
  readonly before: readonly Seen[];
  /** Undefined until the server has answered. */
  readonly answer: SeenAnswer | undefined;
  /** Rows by their keys, as far as its literals and its answer name them. */
  readonly touches: readonly Touch[];
}

/** A connection that waits for its director, in front of a statement or of its answer. */
export interface Held {
  readonly seen: Seen;
  readonly process: string;
  readonly pid: number;
  /** Lets this connection go at once, and no other. Several in one turn of the event loop go together. */
  release(): void;
  /**
   * Resolves when it is let go: by `release`, after its deadline, with its rule or its proxy, or because its client or
   * its server has gone. Never rejects.
   */
  readonly ended: Promise<'released' | 'deadline' | 'removed' | 'gone'>;
}

/** On the monotonic clock of the harness, not that of a run. */
export interface SeenTimes {
  /** When it was sent on to the server. */
  readonly sent: number;
  /** When the server's answer was whole; undefined for one that was never answered. */
  readonly answered: number | undefined;
}
