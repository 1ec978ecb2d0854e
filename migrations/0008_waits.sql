-- Limits in real time on tasks and runs; what tasks wait for without a worker; runs that tasks have made. To an older binary
-- nothing is limited, and what waits goes on when a newer one leads again.

-- Longest time that a task is ready without being taken, and that it takes in all since it first was ready.
ALTER TABLE task_run ADD COLUMN queue_timeout_us BIGINT;
ALTER TABLE task_run ADD COLUMN total_timeout_us BIGINT;
-- Since it waits anew after a rerun, if it was.
ALTER TABLE task_run ADD COLUMN first_ready_at_us BIGINT;
CREATE INDEX task_run_queue_timeout ON task_run ((ready_at_us + queue_timeout_us))
    WHERE state = 'ready' AND queue_timeout_us IS NOT NULL;
CREATE INDEX task_run_total_timeout ON task_run ((first_ready_at_us + total_timeout_us))
    WHERE state IN ('ready', 'running', 'deferred', 'retry_wait') AND total_timeout_us IS NOT NULL;

-- How long a run may take from its start to its end, when that is over, and whether it was what ended the run.
ALTER TABLE run ADD COLUMN deadline_us BIGINT;
ALTER TABLE run ADD COLUMN deadline_at_us BIGINT;
ALTER TABLE run ADD COLUMN overdue BIGINT NOT NULL DEFAULT 0 CHECK (overdue IN (0, 1));
CREATE INDEX run_deadline ON run (deadline_at_us)
    WHERE state IN ('queued', 'running') AND deadline_at_us IS NOT NULL AND cancel_requested IS NULL;
