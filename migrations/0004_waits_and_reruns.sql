-- Tasks that gave their slot back, and tasks that are run again by hand. An older binary leaves both alone.

-- How often a task was run again by hand.
ALTER TABLE task_run ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;

-- What a deferred task waits for and what comes of it at `wake_at_us` (JSON); NULL in every other state.
ALTER TABLE task_run ADD COLUMN deferral TEXT;
ALTER TABLE task_run ADD COLUMN wake_at_us BIGINT;
CREATE INDEX task_run_deferred ON task_run (wake_at_us) WHERE state = 'deferred';
