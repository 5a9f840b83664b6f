-- Version 2: what people look for, what a job's workers died of, who is to end, and what happened.
ALTER TABLE jobs RENAME COLUMN claims_without_save TO deaths;
-- As deaths, of claims that were made while nothing else ran in their process.
ALTER TABLE jobs ADD COLUMN deaths_alone INTEGER NOT NULL DEFAULT 0;
-- Whether the newest claim is one of those.
ALTER TABLE jobs ADD COLUMN claimed_alone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN operation TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN account TEXT NOT NULL DEFAULT '';
-- Where the job stands, in a word.
ALTER TABLE jobs ADD COLUMN status TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET
    operation = json_extract(job, '$.operation'),
    kind = json_extract(job, '$.kind'),
    account = json_extract(job, '$.account'),
    changed_at = coalesce(done_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000),
    status = CASE json_extract(state, '$.phase')
        WHEN 'done' THEN json_extract(state, '$.outcome.verdict')
        WHEN 'waiting' THEN CASE
            WHEN json_type(state, '$.turn.ask') = 'object' THEN 'polling'
            WHEN json_extract(state, '$.turn.ask') = 'probe' THEN 'probing'
            WHEN coalesce(json_extract(state, '$.turn.calls'), 0) > 0
              OR coalesce(json_extract(state, '$.turn.failures'), 0) > 0 THEN 'retrying'
            ELSE 'waiting'
        END
        ELSE json_extract(state, '$.phase')
    END
WHERE json_valid(job) AND json_valid(state);
CREATE INDEX jobs_changed ON jobs (changed_at);

CREATE TABLE cancels (
    id     TEXT PRIMARY KEY NOT NULL,
    at     INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE job_events (
    job    TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    what   TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;
