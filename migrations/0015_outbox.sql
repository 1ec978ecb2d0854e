-- What has happened and may make other DAGs run: written in the transaction in which it happens, and only where somebody
-- listens; taken away in the transaction that makes what follows. An older binary writes and reads none of it.

-- What the current version of a project wants to hear of. Subject: the name of a DAG, view or source, '*' for every DAG.
CREATE TABLE listener (
    project TEXT NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('run_ended', 'task_retried', 'view_updated', 'source_updated')),
    subject TEXT NOT NULL,
    PRIMARY KEY (project, event, subject)
);

CREATE TABLE outbox (
    outbox_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- The run that ended, whose task is tried again, or that made the build; NULL for a source.
    run_id TEXT,
    task TEXT,
    -- Of a run that ended, as it was then.
    state TEXT,
    overdue BIGINT NOT NULL DEFAULT 0 CHECK (overdue IN (0, 1)),
    reason TEXT,
    -- Of a build.
    as_of_us BIGINT,
    created_at_us BIGINT NOT NULL
);

-- Updates that a DAG's `updated` waits with for others. Data: `view:` or `source:` and the name.
CREATE TABLE seen_update (
    project TEXT NOT NULL,
    dag TEXT NOT NULL,
    place BIGINT NOT NULL,
    data TEXT NOT NULL,
    as_of_us BIGINT NOT NULL,
    -- Business time.
    seen_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, dag, place, data)
);

-- The files of a source when they were last looked at, as a hash of their names, lengths and times.
CREATE TABLE source_stamp (
    project TEXT NOT NULL,
    source TEXT NOT NULL,
    stamp TEXT NOT NULL,
    looked_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, source)
);

-- What made a run beside schedules, people and backfills, and in words what it followed from.
ALTER TABLE run ADD COLUMN made_by TEXT;
ALTER TABLE run ADD COLUMN followed TEXT;
