-- One row: a DAG run of which a worker was lost with its record (k6 died). What that worker had sent, nobody knows: no
-- commit in the run, on its own task or on those that it skips, is without a possible cause.
CREATE VIEW lost_runs AS
SELECT DISTINCT dag_id, run_id FROM lives WHERE "end" = 'lost';
