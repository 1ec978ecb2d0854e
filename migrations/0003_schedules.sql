-- Pauses of DAGs, missed firings that policies left out, and who did what by hand.

-- A DAG with a row here fires nothing; what fell due meanwhile is missed when the row goes.
CREATE TABLE dag_pause (
    project TEXT NOT NULL,
    dag TEXT NOT NULL,
    paused_at_us BIGINT NOT NULL,
    paused_by TEXT NOT NULL,
    note TEXT,
    PRIMARY KEY (project, dag),
    FOREIGN KEY (project, dag) REFERENCES dag (project, dag)
);

-- Missed firings that the schedule's policy has left out so far.
ALTER TABLE schedule_cursor ADD COLUMN left_out BIGINT NOT NULL DEFAULT 0;

-- As they called themselves; NULL where nobody was asked.
ALTER TABLE audit ADD COLUMN actor TEXT;
