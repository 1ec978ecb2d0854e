-- Moves of aliases by hand, and the texts that a version of a project was read from. An older binary leaves them out and may go
-- on (floor 1).

-- Who moved it by hand and why; NULL where a run did.
ALTER TABLE alias_history ADD COLUMN moved_by TEXT;
ALTER TABLE alias_history ADD COLUMN reason TEXT;

-- The object with its texts; NULL where they were not kept.
ALTER TABLE project_version ADD COLUMN files TEXT;
CREATE INDEX project_version_by_time ON project_version (project, deployed_at_us, version);
