//! Sends the jobs one after the other and prints their events.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::observation::Observation;
use crate::broker::{Broker, ExchangeName, Message, Properties};
use crate::cli::output::{LineWidth, OutputRow, SUMMARY_COLUMN};
use crate::job::Catalogue;

/// The time between two jobs, so that a person can follow.
const SEND_INTERVAL: Duration = Duration::from_millis(400);

/// Longer than all jobs take on a busy machine.
const RUN_TIMEOUT: Duration = Duration::from_secs(45);

/// The jobs and what was observed of them.
pub(super) struct DemoRun<'a> {
    pub observations: Vec<Observation>,
    catalogue: &'a Catalogue,
    width: LineWidth,
    start: Instant,
}

impl<'a> DemoRun<'a> {
    pub(super) fn new(
        observations: Vec<Observation>,
        catalogue: &'a Catalogue,
        width: LineWidth,
    ) -> Self {
        Self { observations, catalogue, width, start: Instant::now() }
    }

    /// Sends every job and follows it to its outcome, or until [`RUN_TIMEOUT`].
    pub(super) async fn run(&mut self, broker: &Broker) -> Result<()> {
        let mut stream = broker.follow_events("#").await?;
        self.print_header(broker.address())?;
        self.start = Instant::now();
        let mut due = interval(SEND_INTERVAL);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sent = 0;
        let following = async {
            while !self.observations.iter().all(Observation::is_complete) {
                tokio::select! {
                    _ = due.tick(), if sent < self.observations.len() => {
                        self.send(broker, sent).await?;
                        sent += 1;
                    }
                    message = stream.next() => match message {
                        Ok(message) => {
                            let event = serde_json::from_slice(&message.body);
                            self.observe(broker, &event.unwrap_or_default()).await?;
                        }
                        Err(error) => print(&self.width.wrap("", 4, &error.to_string()))?,
                    },
                }
            }
            Ok(())
        };
        // A job that has no outcome by then is reported in the closing table.
        timeout(RUN_TIMEOUT, following).await.unwrap_or(Ok(()))
    }

    fn print_header(&self, broker: &str) -> std::io::Result<()> {
        let jobs = self.observations.len();
        let first = format!("{jobs} jobs are sent to a worker over RabbitMQ at {broker}");
        print(&self.width.wrap("", 4, &first))?;
        print("Both clouds are simulated in this process, with injected faults.\n")?;
        let header = OutputRow {
            time: "seconds".into(),
            job: "job".into(),
            operation: String::new(),
            state: "state".into(),
            summary: "what it shows, then its events".into(),
        };
        print(&header.render(self.width))
    }

    async fn send(&mut self, broker: &Broker, index: usize) -> Result<()> {
        self.observations[index].mark_sent();
        let observation = &self.observations[index];
        let job = &observation.job;
        let again = !observation.states.is_empty();
        let row = OutputRow {
            time: self.elapsed(),
            job: job.id.clone(),
            state: "sent".to_owned(),
            operation: String::new(),
            summary: if again { "the same job again" } else { job.shows }.to_owned(),
        };
        print(&row.render(self.width))?;
        let message = Message {
            body: job.body.to_string().into_bytes(),
            properties: Properties {
                content_type: Some("application/json".to_owned()),
                ..Properties::default()
            },
        };
        let kind = self.catalogue.get(job.operation()).map(|operation| operation.kind.as_str());
        let publisher = broker.publisher();
        Ok(publisher.publish(ExchangeName::Jobs, kind.unwrap_or_default(), &message).await?)
    }

    async fn observe(&mut self, broker: &Broker, event: &Value) -> Result<()> {
        let is_about = |observation: &Observation| event["subject"] == observation.job.id.as_str();
        let Some(index) = self.observations.iter().position(is_about) else { return Ok(()) };
        let send_again = self.observations[index].record(event);
        let mut row = OutputRow { time: self.elapsed(), ..OutputRow::from_event(event) };
        // The job's first event names the operation; later ones leave the space to the summary.
        if row.state != "started" {
            row.operation.clear();
        }
        print(&render(row, self.width))?;
        if send_again { self.send(broker, index).await } else { Ok(()) }
    }

    fn elapsed(&self) -> String {
        format!("{:.1}", self.start.elapsed().as_secs_f64())
    }
}

/// Fails when the terminal is gone; the demo then cleans up.
fn print(text: &str) -> std::io::Result<()> {
    writeln!(anstream::stdout(), "{text}")
}

/// One line; of a rejection, also every problem of the message below it.
fn render(row: OutputRow, width: LineWidth) -> String {
    if row.state != "rejected" {
        return row.render(width);
    }
    let (code, problems) = row.summary.split_once(": ").unwrap_or((&row.summary, ""));
    let mut lines = vec![OutputRow { summary: code.to_owned(), ..row.clone() }.render(width)];
    lines.extend(problems.split("; $").enumerate().map(|(index, problem)| {
        let start = if index == 0 { "" } else { "$" };
        let label = " ".repeat(SUMMARY_COLUMN);
        width.wrap(&label, SUMMARY_COLUMN + 4, &format!("{start}{problem}"))
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn a_rejection_shows_every_problem_on_lines_of_its_own() {
        let far = "far ".repeat(30);
        let row = OutputRow {
            state: "rejected".into(),
            summary: format!("InvalidJob: $.a: is {far}; did you mean b?; $.c: is missing"),
            ..OutputRow::default()
        };
        for width in [80, 100, 200] {
            let text = strip_str(&render(row.clone(), LineWidth::Columns(width))).to_string();
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let all = format!("rejected InvalidJob $.a: is {far}; did you mean b? $.c: is missing");
            assert_eq!(words, all);
            assert_eq!(text.lines().last().map(str::trim), Some("$.c: is missing"));
        }
        assert_eq!(render(row, LineWidth::Unlimited).lines().count(), 3);
    }

    #[test]
    fn an_event_that_is_not_a_rejection_is_one_line() {
        let row = OutputRow {
            state: "failed".into(),
            summary: "A: b; $.c".into(),
            ..OutputRow::default()
        };
        assert_eq!(render(row, LineWidth::Columns(100)).lines().count(), 1);
    }
}
