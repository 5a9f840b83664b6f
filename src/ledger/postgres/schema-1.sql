-- Version 1. Times are milliseconds since 1970, as in the other ledgers: they are the workers' own,
-- to be compared with each other and never with the server's clock. JSON is kept as text: jsonb
-- refuses \u0000 and changes numbers.
CREATE TABLE migrations (
    version    integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE jobs (
    id                text COLLATE "C" PRIMARY KEY,
    -- Hash of the job's content: the same id with another one is a conflict.
    fingerprint       text NOT NULL,
    -- The number of the newest claim; a save under an older one is refused.
    fence             bigint NOT NULL,
    -- The number of that claim's last save. One that was given up as lost may still arrive, and
    -- must not undo those that came after it.
    last_save         bigint NOT NULL,
    -- How long the newest claim holds without a save, and until when; 0: released.
    lease             bigint NOT NULL,
    lease_until       bigint NOT NULL,
    -- Claims in a row without progress, the newest included: those made in company, those made
    -- while nothing else ran in their process, and whether the newest is one of these.
    deaths            integer NOT NULL,
    deaths_alone      integer NOT NULL,
    claimed_alone     boolean NOT NULL,
    -- When a sweeper should look after the job: as its state says, or later when a sweeper has just
    -- done so; null exactly when it is done.
    due               bigint,
    done_at           bigint,
    changed_at        bigint NOT NULL,
    -- Lines of its history so far, those forgotten included.
    notes             bigint NOT NULL DEFAULT 0,
    -- What lists are filtered by.
    status            text NOT NULL,
    operation         text NOT NULL,
    kind              text NOT NULL,
    account           text NOT NULL,
    state             text NOT NULL,
    job               text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX jobs_open ON jobs (due) WHERE due IS NOT NULL;
CREATE INDEX jobs_done ON jobs (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX jobs_changed ON jobs (changed_at);

CREATE TABLE job_events (
    job    text COLLATE "C" NOT NULL REFERENCES jobs ON DELETE CASCADE,
    number bigint NOT NULL,
    at     bigint NOT NULL,
    what   text NOT NULL,
    -- As a JSON string: a provider's words may have characters that text can't hold.
    detail text NOT NULL,
    PRIMARY KEY (job, number)
);

-- Jobs that are to end; also such that are not known yet.
CREATE TABLE cancels (
    id     text COLLATE "C" PRIMARY KEY,
    at     bigint NOT NULL,
    -- As a JSON string, like a detail.
    reason text NOT NULL
);

-- When an account's next request would be due if they came evenly, by the server's clock in
-- microseconds, and how long the last one that asked has to wait. Nothing is lost with it.
CREATE UNLOGGED TABLE limits (
    account text PRIMARY KEY,
    even    bigint NOT NULL,
    wait    bigint NOT NULL
);
