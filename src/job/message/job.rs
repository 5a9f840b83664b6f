//! Parses a job, field by field.

use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;

use super::super::spec::truncate;
use super::super::suggest::did_you_mean;
use super::super::{AccountName, Job, JobId, Kind, OperationSpec, Until};
use super::json::JsonFields;
use super::parser::MessageParser;
use super::time;

/// Limit of the metadata, as compact JSON in bytes.
const MAX_METADATA: usize = 4096;

/// The fields of a job.
const FIELDS: [&str; 8] =
    ["id", "operation", "account", "params", "until", "not_before", "deadline", "metadata"];

impl<'a> MessageParser<'a> {
    /// The job. It is valid only if no problem was added.
    pub(super) fn job(&mut self, kind: Kind) -> Option<Job> {
        // The rejection of an unreadable body still names the job; an id in the body replaces it.
        self.rejection.job_id =
            self.envelope.message_id.and_then(|id| JobId::from_str(id).ok()).map(String::from);
        let mut fields = self.fields()?;

        let id = self.id(&mut fields);
        let operation = self.operation(&mut fields, kind);
        let account = self.account(&mut fields, operation);
        let params = self.params(&mut fields, operation);
        let until = self.until(&mut fields);
        let not_before = self.time(&mut fields, "not_before");
        let deadline = self.time(&mut fields, "deadline");
        let metadata = self.metadata(&mut fields);
        if let (Some(not_before), Some(deadline)) = (not_before, deadline)
            && deadline <= not_before
        {
            self.problem("$.deadline", "is not after not_before, so the job can never run");
        }
        self.reject_unknown(fields, &FIELDS, "a job");

        let operation = operation?;
        Some(Job {
            id: id?,
            operation: operation.name.to_owned(),
            kind: operation.kind,
            account: account?,
            params: params?,
            until: until.unwrap_or(operation.default_until),
            not_before,
            deadline,
            metadata,
            correlation_id: self.rejection.correlation_id.clone(),
            reply_to: self.rejection.reply_to.clone(),
            trace: self.rejection.trace.clone(),
            received_at: self.rejection.at,
        })
    }

    fn id(&mut self, fields: &mut JsonFields) -> Option<JobId> {
        let (path, text) = match fields.take("id") {
            Some(Value::String(text)) => ("$.id", text),
            Some(other) => {
                self.rejection.job_id = None;
                self.wrong_type("$.id", "a string", &other);
                return None;
            }
            None => match self.envelope.message_id {
                Some(text) => ("message_id", text.to_owned()),
                None => {
                    self.problem("$.id", "is missing, and the message has no message_id either");
                    return None;
                }
            },
        };
        let id = self.parse::<JobId>(path, &text);
        self.rejection.job_id = id.clone().map(String::from);
        id
    }

    fn operation(&mut self, fields: &mut JsonFields, queue: Kind) -> Option<&'a OperationSpec> {
        let name = self.text(fields, "operation", true)?;
        let catalogue = &self.validator.catalogue;
        let Some(operation) = catalogue.get(&name) else {
            let hint = catalogue
                .suggest(&name)
                .map_or_else(String::new, |meant| format!(" (did you mean {meant:?}?)"));
            self.problem("$.operation", format!("{:?} is not an operation{hint}", truncate(&name)));
            return None;
        };
        self.rejection.operation = Some((operation.name, operation.kind));
        if operation.kind != queue {
            let right = operation.kind;
            self.problem(
                "$.operation",
                format!(
                    "{name} is a {right} and was sent as a {queue}; use routing key \"{right}\""
                ),
            );
        }
        Some(operation)
    }

    fn account(
        &mut self,
        fields: &mut JsonFields,
        operation: Option<&OperationSpec>,
    ) -> Option<AccountName> {
        let given = fields.take("account");
        let accounts = &self.validator.accounts;
        let name = match given {
            None => {
                let provider = operation?.provider;
                let mut matching = accounts.iter().filter(|(_, owner)| **owner == provider);
                match (matching.next(), matching.next()) {
                    (Some((name, _)), None) => name.clone(),
                    (None, _) => {
                        let why = format!("is missing, and no {provider} account is configured");
                        self.problem("$.account", why);
                        return None;
                    }
                    (Some(_), Some(_)) => {
                        let why = format!("is missing, and several {provider} accounts exist");
                        self.problem("$.account", why);
                        return None;
                    }
                }
            }
            Some(Value::String(name)) => {
                let Some(provider) = accounts.get(&name) else {
                    let hint = did_you_mean(&name, accounts.keys().map(String::as_str));
                    self.problem(
                        "$.account",
                        format!("{:?} is not a configured account{hint}", truncate(&name)),
                    );
                    return None;
                };
                if let Some(operation) = operation
                    && operation.provider != *provider
                {
                    let (expected, operation) = (operation.provider, operation.name);
                    let why =
                        format!("{name:?} is a {provider} account; {operation} is {expected}");
                    self.problem("$.account", why);
                }
                name
            }
            Some(other) => {
                self.wrong_type("$.account", "a string", &other);
                return None;
            }
        };
        self.check_access(&name);
        self.rejection.account = Some(name.clone());
        Some(name)
    }

    fn params(
        &mut self,
        fields: &mut JsonFields,
        operation: Option<&OperationSpec>,
    ) -> Option<Value> {
        let Some(params) = fields.take("params") else {
            self.problem("$.params", "is missing");
            return None;
        };
        if !params.is_object() {
            self.wrong_type("$.params", "an object", &params);
            return None;
        }
        self.rejection.problems.extend(operation?.check_params(&params));
        Some(params)
    }

    fn until(&mut self, fields: &mut JsonFields) -> Option<Until> {
        let text = self.text(fields, "until", false)?;
        match text.as_str() {
            "accepted" => Some(Until::Accepted),
            "finished" => Some(Until::Finished),
            other => {
                let hint = did_you_mean(other, ["accepted", "finished"]);
                let why =
                    format!("{:?} is neither \"accepted\" nor \"finished\"{hint}", truncate(other));
                self.problem("$.until", why);
                None
            }
        }
    }

    fn time(&mut self, fields: &mut JsonFields, name: &'static str) -> Option<Timestamp> {
        let text = self.text(fields, name, false)?;
        let time = time::read(&text);
        if time.is_none() {
            let (found, example) = (truncate(&text), "2026-12-01T02:00:00Z");
            let why = format!("{found:?} is not RFC 3339 with a zone, such as {example}");
            self.problem(format!("$.{name}"), why);
        }
        time
    }

    fn metadata(&mut self, fields: &mut JsonFields) -> Option<Value> {
        let metadata = fields.take("metadata")?;
        let size = metadata.to_string().len();
        if size > MAX_METADATA {
            let why = format!("is {size} bytes of JSON; at most {MAX_METADATA} are allowed");
            self.problem("$.metadata", why);
            return None;
        }
        self.rejection.metadata = Some(metadata.clone());
        Some(metadata)
    }
}
