-- Lists of runs in the states that are rare, without reading a long past of successes: only such runs are in these indexes.
CREATE INDEX run_rare ON run (project, state, run_id) WHERE state IN ('failed', 'cancelled', 'skipped');
CREATE INDEX run_rare_of_dag ON run (project, dag, state, run_id) WHERE state IN ('failed', 'cancelled', 'skipped');
