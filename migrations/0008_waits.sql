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

-- Since when the attempt that goes on has given its slot back, if it did.
ALTER TABLE task_run ADD COLUMN waiting_since_us BIGINT;

-- Waits whose end the server itself sees, while they last: an instant of business time, a run of another DAG whose window ends
-- in [at_us, until_us], the end of the run in `name`.
CREATE TABLE wait (
    task_run_id TEXT NOT NULL PRIMARY KEY REFERENCES task_run (task_run_id),
    project TEXT NOT NULL,
    run_id TEXT NOT NULL,
    task TEXT NOT NULL,
    fence BIGINT NOT NULL,
    awaits TEXT NOT NULL CHECK (awaits IN ('instant', 'window', 'run')),
    name TEXT,
    at_us BIGINT,
    until_us BIGINT
);
CREATE INDEX wait_by_instant ON wait (at_us) WHERE awaits = 'instant';
CREATE INDEX wait_for_window ON wait (task_run_id) WHERE awaits = 'window';
CREATE INDEX run_succeeded ON run (project, dag, window_end_us) WHERE state = 'succeeded';

-- Runs that tasks have made, each attempt at most one. Open until its end has been told to the task, or it has ended after the
-- task had stopped waiting for it.
CREATE TABLE sub_run (
    run_id TEXT NOT NULL PRIMARY KEY REFERENCES run (run_id),
    project TEXT NOT NULL,
    parent_run_id TEXT NOT NULL REFERENCES run (run_id),
    task_run_id TEXT NOT NULL REFERENCES task_run (task_run_id),
    generation BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    open BIGINT NOT NULL DEFAULT 1 CHECK (open IN (0, 1)),
    UNIQUE (task_run_id, generation, attempt)
);
CREATE INDEX sub_run_open ON sub_run (run_id) WHERE open = 1;
