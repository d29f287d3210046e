/** Past these a document is no longer read; the tables of the run hold everything. */
export const LIMITS = { deadlockKinds: 12, refusals: 40, sentence: 1200, statement: 1500 } as const;
