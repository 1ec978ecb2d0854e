-- Tokens with roles, and who did something by hand as their token says. Older binaries go on: they know no tokens but the
-- project's own and leave the new columns empty.

-- What is stored of a token is its SHA-256; the token itself is nowhere.
CREATE TABLE api_token (
    token_id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'editor', 'admin', 'worker', 'predict')),
    hash TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    last_used_us BIGINT,
    revoked_at_us BIGINT,
    revoked_by TEXT,
    CHECK ((revoked_at_us IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX api_token_by_project ON api_token (project, token_id);
CREATE INDEX api_token_good ON api_token (project, expires_at_us) WHERE revoked_at_us IS NULL;

-- The id of the caller's token (NULL: the project's own, or nobody was asked), and how the caller calls itself.
ALTER TABLE audit ADD COLUMN token_id TEXT;
ALTER TABLE audit ADD COLUMN said TEXT;

-- Answers to requests that were made with an `Idempotency-Key`, written in the request's own transaction.
CREATE TABLE idempotency (
    project TEXT NOT NULL,
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (project, actor, key)
);
CREATE INDEX idempotency_by_age ON idempotency (at_us);
