-- How the tasks that a task needs must have ended, and failures that a run bears. To an older binary every task is as before.

-- A rule, a condition or a teardown (JSON); NULL: all must have succeeded.
ALTER TABLE task_run ADD COLUMN trigger_rule TEXT;
ALTER TABLE task_run ADD COLUMN tolerated BIGINT NOT NULL DEFAULT 0 CHECK (tolerated IN (0, 1));
