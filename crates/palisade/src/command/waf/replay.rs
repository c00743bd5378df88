//! `palisade waf replay`: what another web ACL would have made of recorded requests.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use palisade_edge::policy::Policy;
use palisade_waf::recorded::Recorded;
use palisade_waf::{Bump, Decision, Moment, RuleMatch, Terminating, TokenState};
use serde_json::{Value, json};

use super::policy::PolicyFiles;
use super::records::{Chunk, Lines};
use super::{now_ms, request_line};
use crate::command::{Format, counted};

/// Changed decisions that are shown one by one, at most.
const SHOWN_MAX: usize = 20;
/// Paths, and clients, that are shown of a rule.
const SHOWN_OF_RULE: usize = 3;
/// Paths, and clients, that are counted of a rule, at most; what is beyond is counted together.
const COUNTED_MAX: usize = 10_000;

/// Asks a web ACL about recorded requests, and tells what would change.
#[derive(Args, Debug)]
pub struct Replay {
    #[command(flatten)]
    policy: PolicyFiles,

    /// Compare with this web ACL instead of with what was recorded
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Logs in AWS WAF's record format, and folders of `waf serve --record`
    #[arg(value_name = "LOGS", required = true)]
    records: Vec<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Replay {
    /// Reads the records and prints what would change.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let draft = self.policy.read(false)?.compile()?.policy;
        let against = match &self.against {
            Some(path) => Some(
                self.policy
                    .with_web_acl(path.clone())
                    .read(false)?
                    .compile()?
                    .policy,
            ),
            None => None,
        };
        let asked = Asked { draft, against };
        let tally = asked.all(Lines::of(&self.records)?)?;
        match self.format {
            Format::Text => tally.text(out)?,
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&tally.json())?)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Who is asked.
struct Asked {
    draft: Policy,
    against: Option<Policy>,
}

impl Asked {
    /// Asks about all lines, on every core; rates are counted in order, on one.
    fn all(&self, lines: Lines) -> anyhow::Result<Tally> {
        let in_order = self.draft.acl.counts_rates()
            || self
                .against
                .as_ref()
                .is_some_and(|other| other.acl.counts_rates());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = if in_order { 1 } else { cores };
        let lines = Mutex::new((lines, 0));
        let work = || {
            let mut tally = Tally::default();
            loop {
                let mut source = lines.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(chunk) = source.0.next_chunk()? else {
                    return Ok(tally);
                };
                let number = source.1;
                source.1 += 1;
                drop(source);
                self.chunk(&chunk, number, &mut tally)?;
            }
        };
        let parts = std::thread::scope(|scope| {
            let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let ended = running.into_iter().map(|worker| worker.join());
            ended
                .map(|part| part.unwrap_or_else(|_| anyhow::bail!("the engine panicked")))
                .collect::<anyhow::Result<Vec<Tally>>>()
        })?;
        Ok(parts.into_iter().fold(Tally::default(), Tally::and))
    }

    fn chunk(&self, chunk: &Chunk, number: usize, tally: &mut Tally) -> anyhow::Result<()> {
        for line in chunk.lines() {
            let request = line.request()?;
            let decision = decide(&self.draft, &request);
            let was = match &self.against {
                Some(other) => decide(other, &request).verdict.name().to_owned(),
                None => request.action.clone().unwrap_or_default(),
            };
            tally.count(&request, &decision, &was, number);
        }
        Ok(())
    }
}

fn decide(policy: &Policy, request: &Recorded) -> Decision {
    let moment = Moment {
        now_ms: request.time_ms.unwrap_or_else(now_ms),
        token: request
            .decided
            .as_ref()
            .map_or(TokenState::Missing, |decided| decided.token),
    };
    request.ask(|asked| {
        policy
            .acl
            .inspect(asked, &moment, &policy.counters, &Bump::new())
    })
}

/// What was counted.
#[derive(Default)]
struct Tally {
    requests: usize,
    undecided: usize,
    /// By what was and what would be.
    changes: BTreeMap<(String, &'static str), usize>,
    /// The first of them, with the chunk they are from.
    shown: Vec<(usize, String)>,
    rules: BTreeMap<String, OfRule>,
}

/// What one rule would do.
#[derive(Default)]
struct OfRule {
    /// Requests it would end: `BLOCK`, `CHALLENGE`.
    ends: usize,
    counts: usize,
    undecided: usize,
    paths: BTreeMap<String, usize>,
    clients: BTreeMap<String, usize>,
}

impl Tally {
    fn count(&mut self, request: &Recorded, decision: &Decision, was: &str, chunk: usize) {
        self.requests += 1;
        self.undecided += usize::from(!decision.undecided.is_empty());
        for rule in &decision.undecided {
            self.rules.entry(rule.to_string()).or_default().undecided += 1;
        }
        for found in &decision.non_terminating {
            let rule = self.rules.entry(named(found)).or_default();
            rule.counts += 1;
            rule.place(request);
        }
        let ended = match &decision.terminating {
            Terminating::Rule(found) if !decision.verdict.passes() => Some(named(found)),
            _ => None,
        };
        if let Some(name) = &ended {
            let rule = self.rules.entry(name.clone()).or_default();
            rule.ends += 1;
            rule.place(request);
        }
        let would = decision.verdict.name();
        if was.is_empty() || was == would {
            return;
        }
        *self.changes.entry((was.to_owned(), would)).or_default() += 1;
        if self.shown.len() < SHOWN_MAX {
            let by = ended.map_or(String::new(), |name| format!(" by {name}"));
            let id = request
                .id
                .as_ref()
                .map_or(String::new(), |id| format!(" ({id})"));
            let line = format!(
                "{was} -> {would}{by}: {} from {}{id}",
                request_line(request),
                request.client
            );
            self.shown.push((chunk, line));
        }
    }

    fn and(mut self, other: Tally) -> Tally {
        self.requests += other.requests;
        self.undecided += other.undecided;
        for (change, number) in other.changes {
            *self.changes.entry(change).or_default() += number;
        }
        self.shown.extend(other.shown);
        self.shown.sort_by_key(|(chunk, _)| *chunk);
        self.shown.truncate(SHOWN_MAX);
        for (name, rule) in other.rules {
            self.rules.entry(name).or_default().add(rule);
        }
        self
    }

    fn text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let changed: usize = self.changes.values().sum();
        let undecided = match self.undecided {
            0 => String::new(),
            some => format!(", {some} undecided"),
        };
        writeln!(
            out,
            "{}, {changed} decided otherwise{undecided}",
            counted(self.requests, "request")
        )?;
        for ((was, would), number) in &self.changes {
            writeln!(out, "  {was} -> {would}: {number}")?;
        }
        for (_, line) in &self.shown {
            writeln!(out, "  {line}")?;
        }
        if changed > self.shown.len() {
            writeln!(out, "  and {} more", changed - self.shown.len())?;
        }
        for (name, rule) in self.by_number() {
            let undecided = match rule.undecided {
                0 => String::new(),
                some => format!(", undecided on {some}"),
            };
            writeln!(
                out,
                "rule {name}: would end {}, counts {}{undecided}",
                rule.ends, rule.counts
            )?;
            for (what, table) in [("paths", &rule.paths), ("clients", &rule.clients)] {
                if !table.is_empty() {
                    writeln!(
                        out,
                        "  {what}: {}",
                        most(table)
                            .map(|(text, number)| format!("{text} {number}"))
                            .collect::<Vec<_>>()
                            .join(", ")
                    )?;
                }
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let change = |((was, would), number): (&(String, &'static str), &usize)| json!({"from": was, "to": would, "requests": number});
        let table = |table: &BTreeMap<String, usize>| {
            most(table)
                .map(|(text, number)| json!({"value": text, "requests": number}))
                .collect::<Vec<_>>()
        };
        let rule = |(name, rule): (&String, &OfRule)| json!({"rule": name, "ends": rule.ends, "counts": rule.counts, "undecided": rule.undecided, "paths": table(&rule.paths), "clients": table(&rule.clients)});
        json!({
            "requests": self.requests,
            "undecided": self.undecided,
            "changes": self.changes.iter().map(change).collect::<Vec<_>>(),
            "changed": self.shown.iter().map(|(_, line)| line).collect::<Vec<_>>(),
            "rules": self.by_number().map(rule).collect::<Vec<_>>(),
        })
    }

    /// Rules, those that would end most first.
    fn by_number(&self) -> impl Iterator<Item = (&String, &OfRule)> {
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(name, rule)| {
            (std::cmp::Reverse((rule.ends, rule.counts)), (*name).clone())
        });
        rules.into_iter()
    }
}

impl OfRule {
    fn place(&mut self, request: &Recorded) {
        let path = request.uri.split(['?', '#']).next().unwrap_or_default();
        let shown = palisade_waf::render::shown(path.as_bytes());
        add(&mut self.paths, shown, 1);
        add(&mut self.clients, request.client.to_string(), 1);
    }

    fn add(&mut self, other: OfRule) {
        self.ends += other.ends;
        self.counts += other.counts;
        self.undecided += other.undecided;
        for (text, number) in other.paths {
            add(&mut self.paths, text, number);
        }
        for (text, number) in other.clients {
            add(&mut self.clients, text, number);
        }
    }
}

fn add(table: &mut BTreeMap<String, usize>, text: String, number: usize) {
    let text = match table.len() < COUNTED_MAX || table.contains_key(&text) {
        true => text,
        false => "(others)".to_owned(),
    };
    *table.entry(text).or_default() += number;
}

/// The entries that were counted most.
fn most(table: &BTreeMap<String, usize>) -> impl Iterator<Item = (&String, &usize)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
    entries.into_iter().take(SHOWN_OF_RULE)
}

/// A rule's name, with that of the group it is in.
fn named(found: &RuleMatch) -> String {
    match &found.in_group {
        Some(inside) if inside.rule != found.rule => format!("{} {}", inside.group, inside.rule),
        _ => found.rule.to_string(),
    }
}
