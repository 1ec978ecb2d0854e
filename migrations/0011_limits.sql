-- Limits, priorities and runs at once. An older binary would hand out tasks over a limit, so it must not go on.

-- Slots of the limits that the current version of a project declares.
CREATE TABLE limit_pool (
    project TEXT NOT NULL REFERENCES project (project),
    limit_name TEXT NOT NULL,
    slots BIGINT NOT NULL CHECK (slots > 0),
    PRIMARY KEY (project, limit_name)
);

-- Slots that tasks took, by limit or by limit and key. A row counts only while its task is running, so none can leak: rows
-- of tasks that run no more are swept away by whoever counts.
CREATE TABLE limit_slot (
    project TEXT NOT NULL,
    counter TEXT NOT NULL,
    task_run_id TEXT NOT NULL REFERENCES task_run (task_run_id),
    slots BIGINT NOT NULL CHECK (slots > 0),
    PRIMARY KEY (project, counter, task_run_id)
);

-- What a task takes while it runs (JSON); NULL: nothing.
ALTER TABLE task_run ADD COLUMN limits TEXT;
-- Its place among ready tasks, in microseconds: when its run was made, a minute earlier for each point of priority. Fixed
-- when the run is made, so that waiting counts and nothing has to be reckoned anew as time goes by.
ALTER TABLE task_run ADD COLUMN rank_us BIGINT NOT NULL DEFAULT 0;
-- The counter that a ready task found no room in.
ALTER TABLE task_run ADD COLUMN blocked_on TEXT;
DROP INDEX task_run_ready;
CREATE INDEX task_run_ready ON task_run (heavy, rank_us, task_run_id) WHERE state = 'ready' AND blocked_on IS NULL;
CREATE INDEX task_run_blocked ON task_run (project, blocked_on, rank_us, task_run_id)
    WHERE state = 'ready' AND blocked_on IS NOT NULL;

-- Runs of its DAG that may go on at once, this one included; NULL: one.
ALTER TABLE run ADD COLUMN max_active BIGINT;
