-- Schema version 1. Times are milliseconds since 1970 by the workers' clocks. Compare them with each
-- other, never with the server's clock. JSON is stored as text: jsonb refuses \u0000 and changes
-- numbers.
CREATE TABLE migrations (
    version    integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE jobs (
    id                text COLLATE "C" PRIMARY KEY,
    -- Hash of the job's content. The same id with another hash is a conflict.
    fingerprint       text NOT NULL,
    -- Number of the newest claim. A save under an older claim is refused.
    fence             bigint NOT NULL,
    -- Number of that claim's last save. A save that timed out may still arrive, and must not undo
    -- the saves after it.
    last_save         bigint NOT NULL,
    -- Length of the newest claim's lease, and when the lease ends; 0 after a release.
    lease             bigint NOT NULL,
    lease_until       bigint NOT NULL,
    -- Claims in a row without progress, the newest included: claims whose process ran other jobs at
    -- the same time, and claims whose process ran nothing else.
    crashes           integer NOT NULL,
    crashes_exclusive integer NOT NULL,
    -- Whether the newest claim is exclusive.
    claimed_exclusive boolean NOT NULL,
    -- When the sweeper wakes the job; null exactly when the job is done.
    due               bigint,
    done_at           bigint,
    changed_at        bigint NOT NULL,
    -- Number of history entries so far, deleted ones included.
    history_length    bigint NOT NULL DEFAULT 0,
    -- What lists filter by.
    status            text NOT NULL,
    operation         text NOT NULL,
    kind              text NOT NULL,
    account           text NOT NULL,
    state             text NOT NULL,
    job               text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX jobs_due ON jobs (due) WHERE due IS NOT NULL;
CREATE INDEX jobs_done ON jobs (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX jobs_changed ON jobs (changed_at);
-- Counts jobs that need a decision without a scan of all done jobs.
CREATE INDEX jobs_unknown ON jobs (operation) WHERE status = 'unknown';

CREATE TABLE job_history (
    job_id text COLLATE "C" NOT NULL REFERENCES jobs ON DELETE CASCADE,
    number bigint NOT NULL,
    at     bigint NOT NULL,
    what   text NOT NULL,
    -- A JSON string: a provider's message may have characters that text can't store.
    detail text NOT NULL,
    PRIMARY KEY (job_id, number)
);

-- Requests to cancel a job. The job may not be stored yet.
CREATE TABLE cancel_requests (
    job_id       text COLLATE "C" PRIMARY KEY,
    requested_at bigint NOT NULL,
    -- A JSON string, as in job_history.
    reason       text NOT NULL
);

-- Rate limits that replicas share, in microseconds by the server's clock: when an account's next
-- request would be due if requests were evenly spaced, and how long the last caller has to wait.
-- Unlogged: a crash of the server may reset the limits.
CREATE UNLOGGED TABLE rate_limits (
    account   text PRIMARY KEY,
    next_slot bigint NOT NULL,
    wait      bigint NOT NULL
);
