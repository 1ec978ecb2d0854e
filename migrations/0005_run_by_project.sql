-- The newest runs of a project, whatever their DAG, without sorting its whole past.
CREATE INDEX run_by_project ON run (project, run_id);
