-- The orchestrator's state. One text for SQLite and PostgreSQL: ids are ULIDs as TEXT, instants and lengths of time are
-- BIGINT microseconds since 1970-01-01T00:00Z, flags are BIGINT 0 or 1, structures are JSON as TEXT. Every row carries
-- its project ('*': the installation as a whole). To change the schema: a new file, additive first, never an edit here.

CREATE TABLE project (
    project TEXT NOT NULL PRIMARY KEY,
    current_version TEXT NOT NULL,
    deployed_at_us BIGINT NOT NULL
);

-- A snapshot of a project's declarations, an object in the artefact store.
CREATE TABLE project_version (
    project TEXT NOT NULL REFERENCES project (project),
    version TEXT NOT NULL,
    root TEXT NOT NULL,
    models TEXT NOT NULL,
    deployed_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, version)
);

CREATE TABLE dag (
    project TEXT NOT NULL REFERENCES project (project),
    dag TEXT NOT NULL,
    version TEXT NOT NULL,
    removed BIGINT NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),
    PRIMARY KEY (project, dag)
);

-- Business time up to which a schedule's firings have been dealt with.
CREATE TABLE schedule_cursor (
    project TEXT NOT NULL,
    dag TEXT NOT NULL,
    schedule BIGINT NOT NULL,
    cursor_us BIGINT NOT NULL,
    PRIMARY KEY (project, dag, schedule),
    FOREIGN KEY (project, dag) REFERENCES dag (project, dag)
);

CREATE TABLE run (
    run_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    dag TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
    reason TEXT,
    cancel_requested TEXT,
    scheduled_for_us BIGINT,
    window_start_us BIGINT,
    window_end_us BIGINT NOT NULL,
    params TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    started_at_us BIGINT,
    ended_at_us BIGINT,
    -- The firing key: unique for ever. A manual run has none.
    UNIQUE (project, dag, scheduled_for_us),
    FOREIGN KEY (project, dag) REFERENCES dag (project, dag),
    CHECK ((state IN ('queued', 'running')) = (ended_at_us IS NULL)),
    CHECK (state <> 'failed' OR reason IS NOT NULL)
);
CREATE INDEX run_active ON run (project, dag, window_end_us) WHERE state IN ('queued', 'running');
CREATE INDEX run_by_dag ON run (project, dag, run_id);

CREATE TABLE worker (
    worker_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    label TEXT NOT NULL,
    version TEXT NOT NULL,
    -- The server process it lives in; NULL for one of its own process.
    server_id TEXT,
    lease_until_us BIGINT NOT NULL,
    registered_at_us BIGINT NOT NULL
);

CREATE TABLE task_run (
    task_run_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES run (run_id),
    task TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- Fixed when the run is made.
    heavy BIGINT NOT NULL CHECK (heavy IN (0, 1)),
    gated BIGINT NOT NULL CHECK (gated IN (0, 1)),
    priority BIGINT NOT NULL DEFAULT 0,
    parents TEXT NOT NULL,
    retry TEXT NOT NULL,
    timeout_us BIGINT,
    -- Changes with the task; written compare-and-set on (state, fence) only.
    state TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'running', 'deferred', 'retry_wait', 'succeeded', 'failed',
        'skipped', 'upstream_failed', 'cancelled')),
    attempt BIGINT NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    lost BIGINT NOT NULL DEFAULT 0 CHECK (lost BETWEEN 0 AND 5),
    fence BIGINT NOT NULL DEFAULT 0,
    reported_fence BIGINT,
    cancel_requested BIGINT NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    worker_id TEXT,
    worker_epoch BIGINT,
    deadline_us BIGINT,
    run_after_us BIGINT,
    cause TEXT,
    reason TEXT,
    upstream TEXT,
    outputs TEXT,
    -- For people and benches.
    ready_at_us BIGINT,
    started_at_us BIGINT,
    ended_at_us BIGINT,
    cancel_at_us BIGINT,
    busy_us BIGINT,
    start_us BIGINT,
    UNIQUE (run_id, task),
    CHECK ((state = 'running') = (worker_id IS NOT NULL)),
    CHECK ((worker_id IS NULL) = (worker_epoch IS NULL)),
    CHECK ((state = 'retry_wait') = (run_after_us IS NOT NULL)),
    CHECK (state <> 'succeeded' OR outputs IS NOT NULL),
    CHECK (state NOT IN ('failed', 'retry_wait') OR (cause IS NOT NULL AND reason IS NOT NULL)),
    CHECK (state <> 'upstream_failed' OR upstream IS NOT NULL)
);
CREATE INDEX task_run_ready ON task_run (heavy, priority, task_run_id) WHERE state = 'ready';
CREATE INDEX task_run_running ON task_run (worker_id, worker_epoch) WHERE state = 'running';
CREATE INDEX task_run_retry ON task_run (run_after_us) WHERE state = 'retry_wait';

-- Attempts that did not succeed; the task's row holds the one that did.
CREATE TABLE failed_attempt (
    task_run_id TEXT NOT NULL REFERENCES task_run (task_run_id),
    project TEXT NOT NULL,
    fence BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    worker_id TEXT,
    started_at_us BIGINT,
    ended_at_us BIGINT NOT NULL,
    state_after TEXT NOT NULL,
    cause TEXT,
    reason TEXT,
    PRIMARY KEY (task_run_id, fence)
);

-- One view at one instant. `number` counts what was built for the same instant and definition from changed data.
CREATE TABLE build (
    project TEXT NOT NULL,
    view TEXT NOT NULL,
    as_of_us BIGINT NOT NULL,
    definition_hash TEXT NOT NULL,
    number BIGINT NOT NULL,
    object TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    task_run_id TEXT NOT NULL REFERENCES task_run (task_run_id),
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, view, as_of_us, definition_hash, number)
);

CREATE TABLE model (
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    -- The last version given out.
    versions BIGINT NOT NULL,
    PRIMARY KEY (project, model)
);

CREATE TABLE model_version (
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
    -- A task trains one version, however often it was tried.
    task_run_id TEXT NOT NULL UNIQUE REFERENCES task_run (task_run_id),
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, model, version),
    FOREIGN KEY (project, model) REFERENCES model (project, model)
);

CREATE TABLE alias (
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    as_of_us BIGINT NOT NULL,
    moved_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, model, alias),
    FOREIGN KEY (project, model, version) REFERENCES model_version (project, model, version)
);

-- Every move that was asked for, also those refused because a newer as_of stood there (moved = 0).
CREATE TABLE alias_history (
    project TEXT NOT NULL,
    number BIGINT NOT NULL,
    model TEXT NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    previous_version BIGINT,
    as_of_us BIGINT NOT NULL,
    moved BIGINT NOT NULL CHECK (moved IN (0, 1)),
    task_run_id TEXT REFERENCES task_run (task_run_id),
    at_us BIGINT NOT NULL,
    PRIMARY KEY (project, number)
);

-- Publication numbers of generations of online rows.
CREATE TABLE publication (
    project TEXT NOT NULL,
    view TEXT NOT NULL,
    number BIGINT NOT NULL,
    as_of_us BIGINT NOT NULL,
    task_run_id TEXT NOT NULL REFERENCES task_run (task_run_id),
    fence BIGINT NOT NULL,
    minted_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, view, number),
    UNIQUE (task_run_id, fence, view)
);

-- Rises with every alias move and deployment; serving waits on it.
CREATE TABLE registry_cursor (
    project TEXT NOT NULL PRIMARY KEY,
    cursor BIGINT NOT NULL
);

-- Who may tick, reap and promote. `epoch` rises with every takeover and is checked in each of its transactions.
CREATE TABLE leader (
    name TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    holder TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    lease_until_us BIGINT NOT NULL
);

-- Simulated business time; no row where it follows real time.
CREATE TABLE clock (
    name TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    simulated_us BIGINT NOT NULL
);

-- Who did what by hand, written in the action's own transaction.
CREATE TABLE audit (
    audit_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
