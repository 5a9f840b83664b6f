//! The play: sends the jobs one after the other, and shows what happens to them.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::watch::JobRecord;
use crate::broker::{Broker, ExchangeName, Message, Properties};
use crate::cli::show::{Line, WIDTH, cut};
use crate::job::Catalogue;

/// The time between jobs, so that the eye can follow.
const BEAT: Duration = Duration::from_millis(400);

/// How long all jobs may take. Longer than they do on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(45);

/// The jobs on stage.
pub struct Play<'a> {
    /// What is seen of each job.
    pub records: Vec<JobRecord>,
    catalogue: &'a Catalogue,
    colour: bool,
    start: Instant,
}

impl<'a> Play<'a> {
    /// Nothing is sent yet.
    pub fn new(records: Vec<JobRecord>, catalogue: &'a Catalogue, colour: bool) -> Self {
        Self { records, catalogue, colour, start: Instant::now() }
    }

    /// Sends every job and follows it to its outcome, or until time is up.
    pub async fn run(&mut self, broker: &Broker) -> Result<()> {
        let mut feed = broker.follow_events("#").await?;
        self.announce(broker.address())?;
        self.start = Instant::now();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sent = 0;
        let playing = async {
            while !self.records.iter().all(JobRecord::is_over) {
                tokio::select! {
                    _ = beat.tick(), if sent < self.records.len() => {
                        self.send(broker, sent).await?;
                        sent += 1;
                    }
                    published = feed.next() => match published {
                        Ok(published) => {
                            let event = serde_json::from_slice(&published.body);
                            self.take(broker, &event.unwrap_or_default()).await?;
                        }
                        Err(error) => writeln!(std::io::stdout(), "{}", cut(&error.to_string()))?,
                    },
                }
            }
            Ok(())
        };
        // Whoever is not over by then has no outcome, and the table says so.
        timeout(LIMIT, playing).await.unwrap_or(Ok(()))
    }

    fn announce(&self, broker: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let jobs = self.records.len();
        let first = format!("{jobs} jobs go to a worker, over RabbitMQ at {broker}");
        writeln!(out, "{}", cut(&first))?;
        writeln!(out, "Both clouds are simulated in this process, with faults on order.\n")?;
        let head = Line {
            when: "seconds".into(),
            job: "job".into(),
            operation: String::new(),
            state: "state".into(),
            gist: "what it shows, what was seen".into(),
        };
        writeln!(out, "{}", head.written(false))
    }

    async fn send(&mut self, broker: &Broker, index: usize) -> Result<()> {
        self.records[index].was_sent();
        let record = &self.records[index];
        let sample = &record.sample;
        let again = !record.states.is_empty();
        let line = Line {
            when: self.when(),
            job: sample.id.clone(),
            state: "sent".to_owned(),
            operation: String::new(),
            gist: if again { "the same job, once more" } else { sample.shows }.to_owned(),
        };
        writeln!(std::io::stdout(), "{}", line.written(self.colour))?;
        let message = Message {
            body: sample.job.to_string().into_bytes(),
            properties: Properties {
                content_type: Some("application/json".to_owned()),
                ..Properties::default()
            },
        };
        let kind = self.catalogue.get(sample.operation()).map(|operation| operation.kind.as_str());
        let publisher = broker.publisher();
        Ok(publisher.publish(ExchangeName::Jobs, kind.unwrap_or_default(), &message).await?)
    }

    async fn take(&mut self, broker: &Broker, event: &Value) -> Result<()> {
        let is_its = |record: &JobRecord| event["subject"] == record.sample.id.as_str();
        let Some(index) = self.records.iter().position(is_its) else { return Ok(()) };
        let again = self.records[index].take(event);
        let mut line = Line { when: self.when(), ..Line::of(event) };
        // Said once, the operation leaves its room to what was seen.
        if line.state != "started" {
            line.operation.clear();
        }
        for line in spread(line) {
            writeln!(std::io::stdout(), "{}", line.written(self.colour))?;
        }
        if again { self.send(broker, index).await } else { Ok(()) }
    }

    fn when(&self) -> String {
        format!("{:.1}", self.start.elapsed().as_secs_f64())
    }
}

/// A line, with every problem of a message that is not valid on lines of its own below it.
fn spread(line: Line) -> Vec<Line> {
    if line.state != "rejected" {
        return vec![line];
    }
    let (code, problems) = line.gist.split_once(": ").unwrap_or((&line.gist, ""));
    let first = Line { gist: code.to_owned(), ..line.clone() };
    let below = problems.split("; $").enumerate().flat_map(|(number, text)| {
        let start = if number == 0 { "" } else { "$" };
        wrapped(&format!("{start}{text}"))
    });
    [first].into_iter().chain(below.map(|gist| Line { gist, ..Line::default() })).collect()
}

/// A text in lines that fit into the room for a gist, all but the first one indented.
fn wrapped(text: &str) -> Vec<String> {
    let room = WIDTH - Line::default().indent();
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= room => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) => lines.push(format!("    {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_a_bad_message_can_be_read_to_its_end() {
        let far = "far ".repeat(30);
        let line = Line {
            state: "rejected".into(),
            gist: format!("InvalidJob: $.a: is {far}; did you mean b?; $.c: is missing"),
            ..Line::default()
        };
        let lines: Vec<String> = spread(line).iter().map(|line| line.written(false)).collect();
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:#?}");
        let words = lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        let all = format!("rejected InvalidJob $.a: is {far}; did you mean b? $.c: is missing");
        assert_eq!(words, all);
        assert_eq!(lines.last().map(|line| line.trim()), Some("$.c: is missing"));
    }

    #[test]
    fn what_is_not_a_rejection_stays_one_line() {
        let line = Line { state: "failed".into(), gist: "A: b; $.c".into(), ..Line::default() };
        assert_eq!(spread(line).len(), 1);
    }
}
