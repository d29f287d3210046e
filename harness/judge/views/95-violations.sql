-- One row: a violation of which findings are made: of each variant of an invariant the earliest, and the worst.
CREATE OR REPLACE TABLE kept_violations (
  v BIGINT, invariant VARCHAR, at_ms DOUBLE, subject VARCHAR, variant VARCHAR, severity DOUBLE, sentence VARCHAR,
  operations BIGINT[], commits BIGINT[]);
