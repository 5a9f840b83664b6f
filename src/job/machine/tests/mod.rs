//! Tests of the machine: its table, single paths through it, and random lives of jobs.

mod fixtures;
mod interventions;
mod paths;
mod schedules;
mod table;
