-- What a user interface looks at: what reading a project found out beside its declarations, and indexes for what one run or
-- view has. An older binary leaves the new columns empty.

-- Where the DAGs of a version stand in its files, and the features of its views (JSON); NULL: not known.
ALTER TABLE project_version ADD COLUMN found TEXT;

-- Since when an attempt that has ended was ready.
ALTER TABLE failed_attempt ADD COLUMN ready_at_us BIGINT;

-- Tasks that wait for somebody's decision: the beginning of `deferral` is how such a wait is written.
CREATE INDEX task_run_approval ON task_run (project, task_run_id)
    WHERE state = 'deferred' AND deferral LIKE '{_condition_:{_for_:_approval_%';
-- The publication of a view that is in service.
CREATE INDEX publication_by_instant ON publication (project, view, as_of_us, number);
-- What came of a task run.
CREATE INDEX build_by_task ON build (task_run_id);
CREATE INDEX alias_history_by_task ON alias_history (task_run_id);
-- The last move of an alias.
CREATE INDEX alias_history_by_alias ON alias_history (project, model, alias, number);
CREATE INDEX sub_run_by_parent ON sub_run (parent_run_id);
-- The newest run of a DAG that has ended, whatever was skipped since.
CREATE INDEX run_ended ON run (project, dag, run_id) WHERE state IN ('succeeded', 'failed', 'cancelled');
