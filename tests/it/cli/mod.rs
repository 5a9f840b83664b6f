//! The command line, as a person uses it.

mod demo;
mod doctor;
mod operator_commands;
