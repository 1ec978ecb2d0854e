-- Backfills: the windows of a range run (again), beside the runs that schedules make. An older binary leaves them alone.

CREATE TABLE backfill (
    backfill_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    dag TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'cancelled', 'finished')),
    -- Firings from the first instant up to, not including, the second.
    from_us BIGINT NOT NULL,
    to_us BIGINT NOT NULL,
    reprocess TEXT NOT NULL CHECK (reprocess IN ('missing', 'failed', 'all')),
    backwards BIGINT NOT NULL CHECK (backwards IN (0, 1)),
    parallel BIGINT NOT NULL CHECK (parallel > 0),
    priority BIGINT NOT NULL,
    params TEXT NOT NULL,
    -- Firings of the range when it was asked for, and those dealt with so far.
    windows BIGINT NOT NULL,
    passed BIGINT NOT NULL DEFAULT 0,
    -- The last firing that was dealt with; before the first one, the end of the range where it begins.
    cursor_us BIGINT NOT NULL,
    -- Real time: what it has run for before it was last resumed, and when that was.
    busy_us BIGINT NOT NULL DEFAULT 0,
    resumed_at_us BIGINT NOT NULL,
    created_at_us BIGINT NOT NULL,
    ended_at_us BIGINT,
    created_by TEXT NOT NULL,
    note TEXT,
    FOREIGN KEY (project, dag) REFERENCES dag (project, dag),
    CHECK ((state IN ('running', 'paused')) = (ended_at_us IS NULL))
);
CREATE INDEX backfill_going_on ON backfill (backfill_id) WHERE state = 'running';

-- The backfill that made a run. Such runs have room of their own: they neither wait for runs of schedules nor keep them waiting.
ALTER TABLE run ADD COLUMN backfill_id TEXT;
-- The nominal instant of a run for a firing that had its run before: the firing key stays with the first.
ALTER TABLE run ADD COLUMN nominal_us BIGINT;
CREATE INDEX run_by_backfill ON run (backfill_id, state) WHERE backfill_id IS NOT NULL;
CREATE INDEX run_by_nominal ON run (project, dag, nominal_us, run_id) WHERE nominal_us IS NOT NULL;
