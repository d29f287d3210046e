/** A log that the run folder keeps as rows of `server_log`. */
export interface LogSource {
  /** The process that writes it. */
  readonly source: string;
  readonly file: string;
  readonly format: 'postgres-jsonlog' | 'airflow';
  /** `end` for the log of a stack that was there before the run: what it holds already is not of this run. */
  readonly from: 'start' | 'end';
}
