-- Several servers on one database. What a server has read of a run holds as long as the run's revision is the one it read;
-- whoever changes a run's tasks (handing one out apart) raises it first and so holds the run's row until the commit.
ALTER TABLE run ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- The last commit of each server's writer: after a connection is lost in the middle of a commit, the row tells whether it was made.
CREATE TABLE commit_mark (
    writer_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    number BIGINT NOT NULL,
    begun_at_us BIGINT NOT NULL
);
