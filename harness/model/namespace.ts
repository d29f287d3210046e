/** Ids of runs are six hexadecimal digits, and ids of our DAGs begin with `wt_`. */
const OF_A_RUN = /^wt_[0-9a-f]{6}_wt_/;

/** The DAG ids of runs that had a namespace: a regular expression that PostgreSQL reads, too. */
export const DAG_OF_A_RUN = OF_A_RUN.source;

/** What is put before the DAG ids of a run on a stack that others use before, beside or after it. */
export function namespaceOf(runId: string): string {
  return `wt_${runId}_`;
}

/**
 * Whether a DAG is of our making, but of another run than the one with this prefix before its DAG ids. What such a run
 * left behind, schedulers clear away for minutes afterwards: nothing that this run could know the beginning of.
 */
export function ofAnotherRun(dagId: string, prefix: string): boolean {
  return OF_A_RUN.test(dagId) && !dagId.startsWith(prefix);
}
