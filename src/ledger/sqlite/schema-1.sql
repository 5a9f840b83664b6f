-- Schema version 1. Times are milliseconds since 1970.
CREATE TABLE jobs (
    id                TEXT PRIMARY KEY NOT NULL,
    -- Hash of the job's content. The same id with another hash is a conflict.
    fingerprint       TEXT NOT NULL,
    -- Number of the newest claim. A save under an older claim is refused.
    fence             INTEGER NOT NULL,
    -- Length of the newest claim's lease, and when the lease ends; 0 after a release.
    lease             INTEGER NOT NULL,
    lease_until       INTEGER NOT NULL,
    -- Claims in a row without progress, the newest included: claims whose process ran other jobs at
    -- the same time, and claims whose process ran nothing else.
    crashes           INTEGER NOT NULL,
    crashes_exclusive INTEGER NOT NULL,
    -- Whether the newest claim is exclusive.
    claimed_exclusive INTEGER NOT NULL,
    -- When the sweeper wakes the job; null exactly when the job is done.
    due               INTEGER,
    done_at           INTEGER,
    changed_at        INTEGER NOT NULL,
    -- What lists filter by.
    status            TEXT NOT NULL,
    operation         TEXT NOT NULL,
    kind              TEXT NOT NULL,
    account           TEXT NOT NULL,
    -- JSON. The long columns are last, so that most reads skip them.
    state             TEXT NOT NULL,
    job               TEXT NOT NULL
);
CREATE INDEX jobs_due ON jobs (due) WHERE due IS NOT NULL;
CREATE INDEX jobs_done ON jobs (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX jobs_changed ON jobs (changed_at);
-- Counts jobs that need a decision without a scan of all done jobs.
CREATE INDEX jobs_unknown ON jobs (operation) WHERE status = 'unknown';

CREATE TABLE job_history (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    what   TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;

-- Requests to cancel a job. The job may not be stored yet.
CREATE TABLE cancel_requests (
    job_id       TEXT PRIMARY KEY NOT NULL,
    requested_at INTEGER NOT NULL,
    reason       TEXT NOT NULL
) WITHOUT ROWID;
