-- Queues, labels, and what is known of workers. An older binary would hand tasks of any queue to any worker, so it must not go
-- on.

-- Queue and labels as one text, `gpu model=a100`; fixed when the run is made.
ALTER TABLE task_run ADD COLUMN placement TEXT NOT NULL DEFAULT 'default';
DROP INDEX task_run_ready;
-- The few placements that ready tasks have are found by skipping through it, and those of each in their order.
CREATE INDEX task_run_ready ON task_run (heavy, placement, rank_us, task_run_id)
    WHERE state = 'ready' AND blocked_on IS NULL;

-- What it takes (JSON); NULL: everything, as a worker of a binary of before does.
ALTER TABLE worker ADD COLUMN takes TEXT;
ALTER TABLE worker ADD COLUMN host TEXT NOT NULL DEFAULT '';
-- Tasks at once, as it said when it registered.
ALTER TABLE worker ADD COLUMN light_slots BIGINT NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN heavy_slots BIGINT NOT NULL DEFAULT 0;
-- Its last heartbeat, and whether that said that it takes no more work.
ALTER TABLE worker ADD COLUMN seen_at_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN draining BIGINT NOT NULL DEFAULT 0 CHECK (draining IN (0, 1));
