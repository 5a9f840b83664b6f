-- Version 3: the machine whose workers have the file open, and when they last said so.
CREATE TABLE home (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    -- Another one after every start of the machine; containers on one machine share it.
    boot    TEXT NOT NULL,
    -- The same after every start of the machine; containers may each have their own.
    machine TEXT NOT NULL,
    -- Its name, for people.
    host    TEXT NOT NULL,
    seen_at INTEGER NOT NULL
);
