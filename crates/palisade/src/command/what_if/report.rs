//! The report for people: what was called, what was changed from what to what, and what would be answered otherwise.

use std::io::Write;

use serde_json::Value;

use crate::command::kms::print_uses;
use crate::command::{counted, list, outcome, text};

/// How long a value may be shown, in characters; the JSON form has all of it.
const VALUE_LENGTH_MAX: usize = 72;

/// How long a change may be to stand beside the row that it is of, in characters.
const LINE_LENGTH_MAX: usize = 100;

/// Prints it.
pub fn print(out: &mut dyn Write, report: &Value) -> std::io::Result<()> {
    let (writes, calls) = (list(report, "Writes"), list(report, "Calls"));
    writeln!(
        out,
        "\nOn the branch (nothing of it was kept): {}, {}",
        counted(calls.len(), "call"),
        counted(writes.len(), "write")
    )?;
    print_calls(out, calls)?;
    print_writes(out, writes)?;
    report
        .get("Replay")
        .map_or(Ok(()), |replay| print_replay(out, replay))
}

/// The calls in order; reads that went well change nothing and are counted.
fn print_calls(out: &mut dyn Write, calls: &[Value]) -> std::io::Result<()> {
    let is_plain = |call: &&Value| call["ReadOnly"] == true && text(call, "Outcome") == "success";
    for call in calls.iter().filter(|call| !is_plain(call)) {
        writeln!(
            out,
            "  {}:{}  {}",
            text(call, "Service"),
            text(call, "Operation"),
            outcome(call)
        )?;
    }
    match calls.iter().filter(is_plain).count() {
        0 => Ok(()),
        reads => writeln!(out, "  {}", counted(reads, "read")),
    }
}

/// The rows that changed, each with what changed in it. Rows that only lead to others say nothing new and are counted.
fn print_writes(out: &mut dyn Write, writes: &[Value]) -> std::io::Result<()> {
    for write in writes.iter().filter(|write| !is_index(write)) {
        write!(
            out,
            "  {:<6} {} {}",
            text(write, "Change"),
            text(write, "Table"),
            text(write, "Key")
        )?;
        let changes = changes(write);
        let line = changes.join("; ");
        if changes.is_empty() {
            writeln!(out)?;
        } else if line.chars().count() <= LINE_LENGTH_MAX {
            writeln!(out, "  {line}")?;
        } else {
            writeln!(out)?;
            for change in changes {
                writeln!(out, "         {change}")?;
            }
        }
    }
    match writes.iter().filter(|write| is_index(write)).count() {
        0 => Ok(()),
        rows => writeln!(out, "  {}", counted(rows, "index row")),
    }
}

/// Whether a row has nothing but its key, or a name: it leads to a row that changed too. A row that is not shown, because it is
/// another account's, has no value here at all.
fn is_index(write: &Value) -> bool {
    let values = [write.get("Before"), write.get("After")];
    let mut shown = values.into_iter().flatten().peekable();
    shown.peek().is_some() && shown.all(|value| !value.is_object())
}

/// What changed in a row: `member before → after`, `member + what came`, `member - what went`.
fn changes(write: &Value) -> Vec<String> {
    let mut changes = Vec::new();
    match (write.get("Before"), write.get("After")) {
        (None, None) => changes.push("(another account's)".to_owned()),
        (None | Some(Value::Null), Some(after)) => made("", after, &mut changes),
        (Some(before), Some(after)) => differences("", before, after, &mut changes),
        // What is gone is gone whole.
        (Some(_), None) => {}
    }
    changes
}

fn made(path: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Object(members) => {
            // The key has the name.
            let is_told = |name: &str| is_time(name) || name == "name";
            for (name, value) in members.iter().filter(|(name, _)| !is_told(name)) {
                made(&joined(path, name), value, out);
            }
        }
        value => out.push(format!("{path} {}", shown(value))),
    }
}

fn differences(path: &str, before: &Value, after: &Value, out: &mut Vec<String>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(before), Value::Object(after)) => {
            let gone = before.keys().filter(|name| !after.contains_key(*name));
            for name in after.keys().chain(gone).filter(|name| !is_time(name)) {
                let of = |row: &serde_json::Map<String, Value>| row.get(name).cloned();
                let (before, after) = (of(before), of(after));
                let path = joined(path, name);
                differences(
                    &path,
                    &before.unwrap_or_default(),
                    &after.unwrap_or_default(),
                    out,
                );
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            let came = after.iter().filter(|item| !before.contains(item));
            let went = before.iter().filter(|item| !after.contains(item));
            out.extend(went.map(|item| format!("{path} - {}", shown(item))));
            out.extend(came.map(|item| format!("{path} + {}", shown(item))));
        }
        (before, after) => out.push(format!("{path} {} → {}", shown(before), shown(after))),
    }
}

/// The times that a row keeps of itself: they say when, not what.
fn is_time(name: &str) -> bool {
    name.ends_with("_ms")
}

fn joined(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// The value with its policies, which are kept as text, as what they say.
fn readable(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('{') => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        Value::Array(items) => items.iter().map(readable).collect(),
        value => value.clone(),
    }
}

/// A value as a line has room for it.
fn shown(value: &Value) -> String {
    let text = match readable(value) {
        Value::Null => "nothing".to_owned(),
        value => value.to_string(),
    };
    match text.char_indices().nth(VALUE_LENGTH_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn print_replay(out: &mut dyn Write, replay: &Value) -> std::io::Result<()> {
    let flips = list(replay, "Flips");
    let asked = &replay["QuestionsAsked"];
    writeln!(
        out,
        "\nOf {asked} recorded questions, {} would be answered otherwise",
        counted(flips.len(), "kind")
    )?;
    for flip in flips {
        let (from, to, count) = (text(flip, "From"), text(flip, "To"), &flip["Count"]);
        writeln!(
            out,
            "  {from} → {to}  {count} × {} by {}",
            text(flip, "Action"),
            text(flip, "Principal")
        )?;
        let (resource, request) = (
            text(flip, "ExampleResource"),
            text(flip, "ExampleRequestId"),
        );
        writeln!(
            out,
            "    for example on {resource} (request {request}): {}",
            text(flip, "Reason")
        )?;
    }
    for lost in list(replay, "Lost") {
        print_lost(out, lost)?;
    }
    let changed: i64 = list(replay, "AlreadyChanged")
        .iter()
        .filter_map(|f| f["Count"].as_i64())
        .sum();
    if changed > 0 {
        writeln!(
            out,
            "  answered otherwise today already, whatever the branch says: {changed}"
        )?;
    }
    match replay["Undetermined"].as_i64() {
        Some(count) if count > 0 => {
            writeln!(out, "  undetermined, for their principal is gone: {count}")
        }
        _ => Ok(()),
    }
}

/// What is of no use any more: what it was used for in the period, and what hangs on it.
fn print_lost(out: &mut dyn Write, lost: &Value) -> std::io::Result<()> {
    let after = match text(lost, "After") {
        "" => "gone",
        state => state,
    };
    writeln!(
        out,
        "  lost: {} ({} → {after}), {}",
        text(lost, "Arn"),
        text(lost, "Before"),
        counted(
            usize::try_from(lost["Ciphertexts"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX),
            "ciphertext"
        )
    )?;
    let uses = list(lost, "Uses");
    for used in uses {
        write!(out, "  ")?;
        print_uses(out, std::slice::from_ref(used))?;
    }
    if uses.is_empty() {
        writeln!(out, "    not used in this period")?;
    }
    for dependent in list(lost, "Dependents") {
        writeln!(
            out,
            "    {} {}",
            text(dependent, "Kind"),
            text(dependent, "Name")
        )?;
    }
    if lost["UsesUntold"] == true || lost["DependentsUntold"] == true {
        writeln!(out, "    and more than are shown")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(writes: Value) -> String {
        let mut out = Vec::new();
        print_writes(&mut out, writes.as_array().unwrap()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_change_says_what_changed() {
        let update = json!([{"Change": "update", "Table": "iam.role", "Key": "1/app",
            "Before": {"head": {"path": "/", "created_ms": 1}, "description": null, "max": 3600, "tags": [["a", "b"], ["c", "d"]]},
            "After": {"head": {"path": "/", "created_ms": 2}, "description": "x", "max": 7200, "tags": [["c", "d"], ["e", "f"]]}}]);
        assert_eq!(
            printed(update),
            "  update iam.role 1/app  description nothing → \"x\"; max 3600 → 7200; tags - [\"a\",\"b\"]; tags + [\"e\",\"f\"]\n"
        );
        let create = json!([{"Change": "create", "Table": "iam.user", "Key": "1/ann",
            "After": {"head": {"name": "ann", "path": "/", "created_ms": 1}, "tags": [], "boundary": null}}]);
        assert_eq!(
            printed(create),
            "  create iam.user 1/ann  head.path \"/\"\n"
        );
        let delete = json!([{"Change": "delete", "Table": "iam.user", "Key": "1/ann", "Before": {"head": {"name": "ann"}}}]);
        assert_eq!(printed(delete), "  delete iam.user 1/ann\n");
    }

    #[test]
    fn a_policy_is_shown_as_what_it_says() {
        let update = json!([{"Change": "update", "Table": "iam.user", "Key": "1/ann",
            "Before": {"inline": []}, "After": {"inline": [["p", "{ \"Statement\":\n [] }"]]}}]);
        assert_eq!(
            printed(update),
            "  update iam.user 1/ann  inline + [\"p\",{\"Statement\":[]}]\n"
        );
    }

    #[test]
    fn what_is_long_gets_lines_of_its_own_and_is_cut() {
        let long = "x".repeat(100);
        let update = json!([{"Change": "update", "Table": "t", "Key": "k",
            "Before": {"a": "", "b": long}, "After": {"a": long, "b": ""}}]);
        let cut = format!("\"{}…", "x".repeat(71));
        let expected = format!("  update t k\n         a \"\" → {cut}\n         b {cut} → \"\"\n");
        assert_eq!(printed(update), expected);
    }

    #[test]
    fn rows_that_lead_to_others_are_counted_and_hidden_ones_are_not() {
        let rows = json!([
            {"Change": "create", "Table": "iam.member", "Key": "1/g/ann", "After": null},
            {"Change": "create", "Table": "iam.alias", "Key": "blue", "After": "1"},
            {"Change": "update", "Table": "iam.role", "Key": "2/app"},
        ]);
        assert_eq!(
            printed(rows),
            "  update iam.role 2/app  (another account's)\n  2 index rows\n"
        );
    }

    #[test]
    fn reads_that_went_well_are_counted() {
        let call = |operation: &str, read: bool, outcome: &str| json!({"Service": "iam", "Operation": operation, "ReadOnly": read, "Outcome": outcome});
        let calls = [
            call("ListUsers", true, "success"),
            call("CreateUser", false, "success"),
            call("ListRoles", true, "denied"),
            call("GetUser", true, "success"),
        ];
        let mut out = Vec::new();
        print_calls(&mut out, &calls).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  iam:CreateUser  success\n  iam:ListRoles  denied\n  2 reads\n"
        );
    }
}
