-- Tasks that are done once per item of a list, and results that are known already. An older binary would run such a task
-- as one, so it must not go on here (floor 9).

-- `for_each` and `max_parallel` (JSON); NULL: the task is done once.
ALTER TABLE task_run ADD COLUMN for_each TEXT;
-- Its items (a JSON list) and their number, once they are known.
ALTER TABLE task_run ADD COLUMN list TEXT;
ALTER TABLE task_run ADD COLUMN list_length BIGINT;
-- For the task run of an item: its task and its place in the list. One at a place beyond the list's end is of an earlier,
-- longer list.
ALTER TABLE task_run ADD COLUMN item_of TEXT;
ALTER TABLE task_run ADD COLUMN item BIGINT;
CREATE INDEX task_run_item ON task_run (run_id, item_of, item) WHERE item IS NOT NULL;

-- What a task's result is known by and how long (JSON); NULL: it is made every time.
ALTER TABLE task_run ADD COLUMN cache TEXT;
-- The run whose result this task took over.
ALTER TABLE task_run ADD COLUMN cached_from TEXT;

-- Results that are known.
CREATE TABLE known_result (
    project TEXT NOT NULL,
    result_key TEXT NOT NULL,
    run_id TEXT NOT NULL,
    outputs TEXT NOT NULL,
    made_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, result_key)
);
CREATE INDEX known_result_expired ON known_result (expires_at_us);
