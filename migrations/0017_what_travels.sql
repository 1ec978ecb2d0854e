-- The tasks whose outputs a task is handed (a JSON list of names); NULL: a task of an older binary, which is handed those of
-- all tasks before it. An older binary hands out more than that and may go on (floor 1).
ALTER TABLE task_run ADD COLUMN takes TEXT;
