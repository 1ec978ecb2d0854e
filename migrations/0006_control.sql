-- Control by hand: where an action came from, reading the audit, and training again what has been trained. Older binaries
-- go on: every table keeps its name and its columns.

-- The address of a caller over HTTP, or `cli`; NULL where nobody was asked.
ALTER TABLE audit ADD COLUMN origin TEXT;
CREATE INDEX audit_by_subject ON audit (subject, audit_id);

-- A task that is run again by hand may train another version: the versions of one task run are no longer unique. Neither
-- database can take the constraint away in words that the other knows, so the two tables are written anew.
CREATE TABLE model_version_anew (
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    version BIGINT NOT NULL,
    object TEXT NOT NULL,
    as_of_us BIGINT NOT NULL,
    fit_from_us BIGINT NOT NULL,
    fit_to_us BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    metrics TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES run (run_id),
    task_run_id TEXT NOT NULL REFERENCES task_run (task_run_id),
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, model, version),
    FOREIGN KEY (project, model) REFERENCES model (project, model)
);
INSERT INTO model_version_anew (project, model, version, object, as_of_us, fit_from_us, fit_to_us, row_count, metrics, run_id,
    task_run_id, created_at_us)
SELECT project, model, version, object, as_of_us, fit_from_us, fit_to_us, row_count, metrics, run_id, task_run_id,
    created_at_us FROM model_version;
CREATE TABLE alias_anew (
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    as_of_us BIGINT NOT NULL,
    moved_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, model, alias),
    FOREIGN KEY (project, model, version) REFERENCES model_version_anew (project, model, version)
);
INSERT INTO alias_anew (project, model, alias, version, as_of_us, moved_at_us)
SELECT project, model, alias, version, as_of_us, moved_at_us FROM alias;
DROP TABLE alias;
DROP TABLE model_version;
ALTER TABLE model_version_anew RENAME TO model_version;
ALTER TABLE alias_anew RENAME TO alias;
CREATE INDEX model_version_by_task ON model_version (task_run_id);
