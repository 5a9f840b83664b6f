-- Version 1. Times are milliseconds since 1970.
CREATE TABLE jobs (
    id                  TEXT PRIMARY KEY NOT NULL,
    -- Hash of the job's content: the same id with another one is a conflict.
    fingerprint         TEXT NOT NULL,
    -- The number of the newest claim; a save under an older one is refused.
    fence               INTEGER NOT NULL,
    -- How long the newest claim holds without a save, and until when; 0: released.
    lease               INTEGER NOT NULL,
    lease_until         INTEGER NOT NULL,
    -- Claims in a row that have saved nothing, the newest included.
    claims_without_save INTEGER NOT NULL,
    -- When a sweeper should look after the job: as its state says, or later when a sweeper has just
    -- done so; null exactly when it is done.
    due                 INTEGER,
    done_at             INTEGER,
    state               TEXT NOT NULL,
    job                 TEXT NOT NULL
);
CREATE INDEX jobs_open ON jobs (due) WHERE due IS NOT NULL;
CREATE INDEX jobs_done ON jobs (done_at) WHERE done_at IS NOT NULL;
