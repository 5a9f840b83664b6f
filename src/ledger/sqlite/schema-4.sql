-- Version 4: what waits for a person is counted without looking at every job that is done.
CREATE INDEX jobs_unknown ON jobs (operation) WHERE status = 'unknown';
