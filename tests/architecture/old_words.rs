//! Names that the field's own terms replaced.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::assert_none;
use crate::source::{self, Named};

/// Old names, each with its new one. A `*` stands for any ending, or any beginning.
///
/// Only names that mean nothing else are listed: no ordinary words, and nothing that a crate we
/// use calls a type of its own.
const OLD_WORDS: &[(&str, &str)] = &[
    // worker
    ("AGAIN", "REISSUE_AFTER"),
    ("BEAT", "INTERVAL"),
    ("CALM", "MIN_UPTIME"),
    ("Condemned", "Poisoned"),
    ("Course", "Execution"),
    ("FAREWELL", "CLOSE_TIMEOUT"),
    ("LETTING_GO", "RELEASE_TIMEOUT"),
    ("LINING_UP", "MAX_STAGGER"),
    ("LOOK_AGAIN", "RECHECK_AFTER"),
    ("Parts", "Dependencies"),
    ("Pulse", "Heartbeat"),
    ("Reporter", "EventPublisher"),
    ("Roster", "InFlight"),
    ("SILENCE", "STALE_AFTER"),
    ("SUSPICIOUS", "SUSPECT_AFTER"),
    ("Suspicion", "Quarantine"),
    ("TicketdTroubles", "TicketdInternalErrors"),
    ("Trouble", "Error or OutcomeError"),
    ("Unresolved", "ResolveError"),
    ("asks_elsewhere", "has_other_reply_to"),
    ("beating", "with_heartbeat"),
    ("bury", "dead_letter"),
    ("chronicle", "observe"),
    ("condemn", "is_poison"),
    ("course", "execution"),
    ("in_company", "shared"),
    ("is_felt", "is_alive"),
    ("pulse", "heartbeat"),
    ("put_off", "postpone or requeue_later"),
    ("reporter", "events"),
    ("roster", "in_flight"),
    ("sit_out", "sleep_until"),
    ("suspicion", "quarantine"),
    ("taken_over", "redelivered"),
    ("ticketd_job_troubles_total", "ticketd_job_internal_errors_total"),
    ("trouble", "error"),
    ("wants_answer", "expects_reply"),
    // job
    ("Abilities", "Capabilities"),
    ("Ask", "RequestKind"),
    ("Facts", "ProviderReply"),
    ("IllegalEvent", "IllegalInput"),
    ("Meaning", "FailureClass"),
    ("Moments", "Timestamps"),
    ("Note", "HistoryEntry"),
    ("Provided", "ProviderReply"),
    ("Reading", "MessageParser"),
    ("Rules", "MessageValidator"),
    ("Standing", "EventState, StatusCount or ItemStatus"),
    ("Times", "Timestamps"),
    ("Turn", "Progress"),
    ("Users", "AccessPolicy"),
    ("Verdict", "OutcomeKind or CheckStatus"),
    ("dice", "random"),
    ("not_theirs", "forbidden"),
    ("repeat_in_doubt", "may_repeat_lost_call"),
    ("wording", "suggest or schema_errors"),
    // broker
    ("CLOSING", "CLOSE_TIMEOUT"),
    ("Desk", "Declarer"),
    ("Feed", "EventStream"),
    ("Intake", "QueueConsumer"),
    ("LOOK", "*_INTERVAL"),
    ("LOOKING", "*_TIMEOUT"),
    ("Lanes", "PriorityReceiver"),
    ("Lengths", "QueueDepths"),
    ("Letter", "DeadLetter"),
    ("Link", "SupervisedConnection"),
    ("Manner", "DeclareMode"),
    ("Nowhere", "Unroutable"),
    ("Opener", "ChannelManager"),
    ("Origin", "SourceQueue"),
    ("Plan", "TopologySpec"),
    ("Receipt", "AckHandle"),
    ("Routing", "ExchangeKind"),
    ("SUSPICION", "FLAPPING_HINT"),
    ("Shelf", "DeadLetterQueue"),
    ("ShortLives", "FlapDetector"),
    ("Somewhere", "Routed"),
    ("WATCH", "*_INTERVAL"),
    ("barred", "unavailable_queue"),
    ("give_back", "requeue"),
    ("glance", "*_INTERVAL"),
    ("is_held", "is_valid"),
    ("lanes", "priority"),
    ("note_barred", "note_unavailable"),
    ("put_on_its_way", "send_in_order"),
    ("see_to", "ensure"),
    ("shelf", "dead_letter_queue"),
    ("short_lives", "flapping"),
    ("singles", "mandatory_channels"),
    // ledger
    ("Chore", "PeriodicTask"),
    ("Deaths", "CrashCount"),
    ("Door", "Connector"),
    ("Hold", "Lease"),
    ("Lent", "PooledClient"),
    ("Summary", "JobSummary"),
    ("Together", "Batch"),
    ("claimed_alone", "claimed_exclusive"),
    ("deaths", "crashes"),
    ("deaths_alone", "crashes_exclusive"),
    ("let_go", "release"),
    ("move_in", "acquire"),
    ("standings", "count_by_status"),
    // cloud
    ("Away", "CircuitOpen"),
    ("Barred", "AccountRefused"),
    ("Before", "Baseline"),
    ("Broken", "Trip"),
    ("Clouds", "Providers"),
    ("Conversation", "Replay"),
    ("EARLY", "REFRESH_AHEAD"),
    ("Errand", "RequestLabels"),
    ("Heard", "Transcript"),
    ("Inquiry", "OperationContext"),
    ("Kept", "TokenCache"),
    ("Line", "AccountClient, HistoryRow or OutputRow"),
    ("Look", "DetailSource"),
    ("MayDefer", "Defer"),
    ("Mixed", "Concurrent"),
    ("Nature", "TicketKind"),
    ("NotAsked", "LimitUnavailable"),
    ("Party", "Service"),
    ("Patience", "WhenLimited"),
    ("Pause", "Suspend"),
    ("Proof", "SigningInput"),
    ("Rehearsal", "OperationHarness"),
    ("SORE", "FAILURE_TTL"),
    ("Since", "DeployChange"),
    ("Skew", "ClockSkew"),
    ("Told", "ErrorCategory"),
    ("Turns", "RateSource"),
    ("Typed", "OperatorInput"),
    ("Unmet", "SendError"),
    ("Unmoved", "None"),
    ("Visited", "AccessCheck"),
    ("Wording", "ErrorBody"),
    ("YOUNG", "MIN_TOKEN_AGE"),
    ("converse", "Replay"),
    ("harmless", "as_retryable"),
    ("outlive", "on_fetch_failure"),
    ("promised", "next_slot"),
    ("take_turn", "acquire"),
    ("told", "categorize or describe_source"),
    ("unanswered", "transport_failure"),
    // config, admin, simulator, cli
    ("Asked", "RawRequest"),
    ("Census", "BacklogCollector"),
    ("Examined", "LoadReport"),
    ("Fate", "ForcedOutcome"),
    ("Inside", "Locked"),
    ("Sheet", "NamedLayer"),
    ("Shown", "AdminState"),
    ("Stand", "SimulatorState"),
    ("Steer", "Override"),
    ("Which", "Selection"),
    ("World", "Store"),
    ("census", "backlog"),
    ("examine", "load_with_report"),
    ("gist", "summary"),
    ("insist", "require"),
    ("ticketd_census_success", "ticketd_backlog_scrape_success"),
    // constants everywhere
    ("*PATIENCE", "*_TIMEOUT"),
    ("LARGEST_*", "MAX_*"),
    ("LONGEST*", "MAX_*"),
    ("MOST_*", "MAX_*"),
    // tests
    ("Between", "Intercept"),
    ("Troupe", "TestWorker"),
    ("hiccups", "store_errors"),
    ("keeper", "child_guard"),
    ("lethal", "poison_worker"),
    ("lookafter", "operator_commands"),
    ("meddling", "topology_tampering"),
    ("mortal", "crash_points"),
    ("outsider", "raw_client"),
    ("reckoning", "verify"),
];

#[test]
fn no_old_words() {
    let folders = ["src", "tests", "benches"];
    let code: Vec<String> = folders.iter().flat_map(|folder| source::files(folder, "rs")).collect();
    let mut text = source::files("deploy", "");
    text.extend(source::files("src", "sql"));
    text.extend(source::files("tests", "patch"));
    text.push("README.md".to_owned());

    let old = OldWords::new();
    let in_code = source::in_parallel(&code, |path| old.among(path, source::identifiers(path)));
    let in_text = source::in_parallel(&text, |path| old.among(path, source::names_in_text(path)));
    let mut places: BTreeMap<&str, (&str, Vec<String>)> = BTreeMap::new();
    for (old, new, place) in in_code.into_iter().chain(in_text).flatten() {
        places.entry(old).or_insert((new, Vec::new())).1.push(place);
    }
    let broken: BTreeSet<String> = places
        .into_iter()
        .map(|(old, (new, places))| format!("{}: {old} is now {new}", places.join(" ")))
        .collect();
    assert_none(&broken);
}

/// An old name, its new name, and where the old one is used.
type OldWord = (&'static str, &'static str, String);

/// The list, arranged for a quick look-up.
struct OldWords {
    whole: HashMap<&'static str, &'static str>,
    parts: Vec<(&'static str, &'static str)>,
}

impl OldWords {
    fn new() -> Self {
        let (parts, whole): (Vec<_>, Vec<_>) =
            OLD_WORDS.iter().partition(|(old, _)| old.contains('*'));
        Self { whole: whole.into_iter().collect(), parts }
    }

    fn among(&self, path: &str, names: Vec<Named>) -> Vec<OldWord> {
        let found = names.into_iter().filter_map(|name| {
            let (old, new) = self.find(&name.text)?;
            Some((old, new, format!("{path}:{}", name.line)))
        });
        found.collect()
    }

    fn find(&self, name: &str) -> Option<(&'static str, &'static str)> {
        if let Some((old, new)) = self.whole.get_key_value(name) {
            return Some((old, new));
        }
        let matches = |old: &str| match (old.strip_prefix('*'), old.strip_suffix('*')) {
            (Some(ending), _) => name.ends_with(ending),
            (_, Some(beginning)) => name.starts_with(beginning),
            (None, None) => false,
        };
        self.parts.iter().find(|(old, _)| matches(old)).copied()
    }
}
