//! Decisions and explanations for people and programs.
//!
//! JSON has the names of AWS WAF's log records where those have the thing; `undecided` and `explanation` are Palisade's own.

use serde_json::{Value, json};

use crate::decision::{Decision, Explanation, Found, Reason, RuleMatch, Terminating, Verdict};
use crate::model::CustomHeader;

/// Bytes as text for a terminal: what is not printable ASCII, and the backslash, as escapes.
pub fn shown(bytes: &[u8]) -> String {
    let printable = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match printable(byte) {
            true => text.push(char::from(*byte)),
            false => text.extend(byte.escape_ascii().map(char::from)),
        }
    }
    text
}

/// The decision with the names of a log record.
pub fn decision_json(decision: &Decision) -> Value {
    let group = |group: &crate::decision::GroupResult| {
        let named = |(rule, action): &(std::sync::Arc<str>, &'static str)| json!({"ruleId": &**rule, "action": action});
        json!({
            "ruleGroupId": &*group.group,
            "terminatingRule": group.terminating.as_ref().map(named),
            "nonTerminatingMatchingRules": group.non_terminating.iter().map(named).collect::<Vec<_>>(),
        })
    };
    let rate = |rate: &crate::decision::RateCount| json!({"rateBasedRuleName": &*rate.rule, "requests": rate.requests, "maxRateAllowed": rate.limit, "limited": rate.limited});
    let mut value = json!({
        "action": decision.verdict.name(),
        "terminatingRuleId": terminating(decision),
        "labels": decision.labels.iter().map(|label| json!({"name": label})).collect::<Vec<_>>(),
        "requestHeadersInserted": headers(&decision.insert_headers, "x-amzn-waf-"),
        "nonTerminatingMatchingRules": decision.non_terminating.iter().map(rule_match).collect::<Vec<_>>(),
        "ruleGroupList": decision.groups.iter().map(group).collect::<Vec<_>>(),
        "rateBasedRuleList": decision.rates.iter().map(rate).collect::<Vec<_>>(),
        "undecided": decision.undecided.iter().map(|rule| &**rule).collect::<Vec<_>>(),
    });
    if let Terminating::Rule(RuleMatch {
        in_group: Some(inside),
        ..
    }) = &decision.terminating
    {
        value["terminatingRuleWithinGroup"] = json!(*inside.rule);
    }
    match &decision.verdict {
        Verdict::Allow => {}
        Verdict::Block(response) => {
            value["responseCodeSent"] = response.status.into();
            value["responseHeaders"] = headers(&response.headers, "");
        }
        Verdict::Challenge {
            reason, immunity_s, ..
        } => {
            value["responseCodeSent"] = 202.into();
            value["challengeResponse"] =
                json!({"failureReason": reason.name(), "immunitySeconds": immunity_s});
        }
    }
    value
}

/// The explanation: every rule with what it found or why not.
pub fn explanation_json(explanation: &Explanation) -> Value {
    let rule = |rule: &crate::decision::RuleReason| json!({"rule": rule.rule, "ruleGroup": rule.group, "matched": rule.matched, "action": rule.action, "statement": reason_json(&rule.reason)});
    json!({"rules": explanation.rules.iter().map(rule).collect::<Vec<_>>(), "notEvaluated": explanation.not_evaluated})
}

fn reason_json(reason: &Reason) -> Value {
    let mut value =
        json!({"statement": reason.statement, "holds": reason.holds, "because": reason.because});
    if let Some(found) = &reason.found {
        value["found"] = json!({"in": found.place, "bytes": [found.bytes.0, found.bytes.1], "text": found.text, "reason": found.reason, "after": found.transformations});
    }
    if !reason.parts.is_empty() {
        value["parts"] = reason.parts.iter().map(reason_json).collect();
    }
    value
}

fn rule_match(found: &RuleMatch) -> Value {
    let inside = found.in_group.as_ref();
    json!({
        "ruleId": inside.map_or(&*found.rule, |inside| &*inside.rule),
        "ruleGroupId": inside.map(|inside| &*inside.group),
        "action": found.action,
        "overriddenAction": found.overridden,
    })
}

fn headers(headers: &[CustomHeader], prefix: &str) -> Value {
    headers
        .iter()
        .map(|header| json!({"name": format!("{prefix}{}", header.name), "value": header.value}))
        .collect()
}

/// The name of what decided, as log records write it.
fn terminating(decision: &Decision) -> &str {
    match &decision.terminating {
        Terminating::Default => "Default_Action",
        Terminating::Rule(found) => &found.rule,
    }
}

/// One line: what happens, and the rule and evidence that decided.
pub fn decision_line(decision: &Decision, explanation: &Explanation) -> String {
    let mut line = decision.verdict.name().to_owned();
    match &decision.terminating {
        Terminating::Default => line += " by the default action",
        Terminating::Rule(found) => {
            line += &format!(" by {}", found.rule);
            if let Some(inside) = &found.in_group {
                line += &format!(", rule {} of {}", inside.rule, inside.group);
            }
            // The rule that decided is the last one that matched.
            let decided = explanation.rules.iter().rev().find(|rule| rule.matched);
            if let Some(evidence) = decided.and_then(|rule| evidence(&rule.reason)) {
                line += &format!(": {evidence}");
            }
        }
    }
    if !decision.undecided.is_empty() {
        line += &format!(" (undecided: {})", decision.undecided.join(", "));
    }
    line
}

/// The first statement that holds on something found, else the statement itself.
fn evidence(reason: &Reason) -> Option<String> {
    if !reason.holds {
        return None;
    }
    if let Some(found) = &reason.found {
        return Some(format!("{}, {}", reason.statement, found_text(found)));
    }
    let within = reason.parts.iter().find_map(evidence);
    within.or_else(|| Some(format!("{}, {}", reason.statement, reason.because)))
}

fn found_text(found: &Found) -> String {
    let place = found
        .place
        .as_ref()
        .map_or(String::new(), |place| format!("in {place} "));
    let after = match &found.transformations[..] {
        [] => String::new(),
        names => format!(" after {}", names.join(", ")),
    };
    let reason = found
        .reason
        .map_or(String::new(), |reason| format!("{reason} "));
    format!(
        "{reason}{place}at bytes {}..{} \"{}\"{after}",
        found.bytes.0, found.bytes.1, found.text
    )
}

/// The explanation as lines, each rule with its statements beneath it.
pub fn explanation_text(explanation: &Explanation) -> String {
    let mut text = String::new();
    for rule in &explanation.rules {
        let group = rule
            .group
            .as_ref()
            .map_or(String::new(), |group| format!(" of {group}"));
        let result = if rule.matched {
            rule.action.unwrap_or("matched")
        } else {
            "no match"
        };
        text += &format!("rule {}{group}: {result}\n", rule.rule);
        reason_text(&rule.reason, 1, &mut text);
    }
    if !explanation.not_evaluated.is_empty() {
        text += &format!("not evaluated: {}\n", explanation.not_evaluated.join(", "));
    }
    text
}

fn reason_text(reason: &Reason, depth: usize, text: &mut String) {
    let because = reason
        .found
        .as_ref()
        .map_or(reason.because.clone(), found_text);
    let holds = if reason.holds {
        "holds"
    } else {
        "does not hold"
    };
    *text += &format!(
        "{}{} {holds}: {because}\n",
        "  ".repeat(depth),
        reason.statement
    );
    for part in &reason.parts {
        reason_text(part, depth + 1, text);
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_terminal_is_shown_what_is_printable_as_it_is_and_nothing_that_steers_it() {
        assert_eq!(shown(b"' or \"1\"=1--"), "' or \"1\"=1--");
        assert_eq!(shown(b"a\x1b[31m\\\xff\n"), r"a\x1b[31m\\\xff\n");
    }
}
