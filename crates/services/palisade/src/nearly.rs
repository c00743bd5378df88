//! Grants that nearly allowed what was refused: the constraint that a call did not meet, by its own name.

use palisade_core::Resource;
use palisade_policy::{Effect, Explanation, Failure, StatementTrace};

/// How the condition keys of a grant's context constraint begin, and the one that the whole context is compared by: `kms` makes them.
const PAIR: &str = "kms:EncryptionContext:";
const WHOLE: &str = "kms:EncryptionContextKeys";
const SOURCE: &str = "aws:SourceArn";
/// What a failed condition saw of a key that the request has not.
const ABSENT: &str = "absent";

/// A sentence for each grant that names the caller and the action, and whose constraint alone was not met. Who owns the key may know.
pub fn grants(explanation: &Explanation, resource: &Resource) -> Vec<String> {
    if explanation.reason.is_allowed() {
        return Vec::new();
    }
    let missed = explanation.statements.iter().filter(|trace| {
        let is_grant = trace.policy.starts_with("grant:") && trace.effect == Effect::Allow;
        let by_conditions = |failed: &Failure| key(failed).is_some();
        is_grant && !trace.failed.is_empty() && trace.failed.iter().all(by_conditions)
    });
    missed
        .map(|trace| {
            let constraint = constraint(trace, resource);
            let reasons: Vec<String> = trace.failed.iter().map(reason).collect();
            format!(
                "{} would allow it, but for its constraint {constraint}: {}",
                trace.policy,
                reasons.join("; ")
            )
        })
        .collect()
}

/// The condition key of a failed condition; no other element has one.
fn key(failed: &Failure) -> Option<&str> {
    let mut words = failed.element.split(' ');
    (words.next() == Some("Condition")).then_some(())?;
    words.nth(1)
}

/// The constraint's name in the API: a context that is compared as a whole is `EncryptionContextEquals`.
fn constraint(trace: &StatementTrace, resource: &Resource) -> &'static str {
    let is_of_source = |failed: &Failure| key(failed) == Some(SOURCE);
    if trace.failed.iter().all(is_of_source) {
        return "SourceArn";
    }
    let mut grants = resource.grants.iter();
    let grant = grants.find(|grant| grant.name() == trace.policy);
    let statement = grant.and_then(|grant| grant.source().statements.get(trace.index));
    let compares_whole = statement.is_some_and(|statement| {
        let mut conditions = statement.conditions.iter();
        conditions.any(|entry| entry.key.value == WHOLE)
    });
    if compares_whole {
        "EncryptionContextEquals"
    } else {
        "EncryptionContextSubset"
    }
}

/// Which pair differs.
fn reason(failed: &Failure) -> String {
    let key = key(failed).unwrap_or_default();
    let wanted = failed.expected.join(" or ");
    match key.strip_prefix(PAIR) {
        Some(name) if failed.saw == ABSENT => format!("the context has no pair {name}"),
        Some(name) => format!("{name} is {}, not {wanted:?}", failed.saw),
        None if key == WHOLE => {
            format!(
                "the context has the keys {}, and may have {wanted} only",
                failed.saw
            )
        }
        None => format!("{key} {}", failed.detail()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use palisade_policy::{CompiledPolicy, Context, Layers, Policy, Principal, Request, explain};

    use super::*;

    const BOB: &str = "arn:aws:iam::111122223333:user/bob";
    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    /// What is told of a grant as KMS writes it, asked with a context.
    fn told(equals: bool, context: &[(&str, &str)]) -> Vec<String> {
        let whole = if equals {
            r#","ForAllValues:StringEqualsIgnoreCase":{"kms:EncryptionContextKeys":["app"]}"#
        } else {
            ""
        };
        let text = format!(
            r#"{{"Version":"2008-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{BOB}"}},"Action":"kms:Decrypt","Resource":"*",
            "Condition":{{"StringEquals":{{"kms:EncryptionContext:app":"web"}}{whole}}}}}}}"#
        );
        let grant = CompiledPolicy::new("grant:1", Policy::parse(&text).unwrap());
        let resource = Resource {
            grants: vec![Arc::new(grant)],
            ..Resource::named(KEY)
        };
        let mut all = Context::new();
        for (key, value) in context {
            all.set(&format!("{PAIR}{key}"), *value);
        }
        let keys: Vec<String> = context.iter().map(|(key, _)| (*key).to_owned()).collect();
        if !keys.is_empty() {
            all.set(WHOLE, keys);
        }
        let bob = Principal::user(BOB).unwrap();
        let layers = Layers {
            grants: &resource.grants,
            ..Layers::default()
        };
        let explanation = explain(&Request::new(&bob, "kms:Decrypt", KEY, &all), &layers);
        grants(&explanation, &resource)
    }

    #[test]
    fn the_pair_that_differs_is_named_and_the_constraint() {
        assert_eq!(
            told(false, &[("app", "api")]),
            [
                "grant:1 would allow it, but for its constraint EncryptionContextSubset: app is \"api\", not \"web\""
            ]
        );
        assert_eq!(
            told(true, &[("app", "web"), ("env", "test")]),
            [
                "grant:1 would allow it, but for its constraint EncryptionContextEquals: the context has the keys [\"app\", \"env\"], and may have app only"
            ]
        );
        assert_eq!(
            told(true, &[]),
            [
                "grant:1 would allow it, but for its constraint EncryptionContextEquals: the context has no pair app"
            ]
        );
    }

    #[test]
    fn a_grant_that_is_met_or_is_not_about_it_is_not_told() {
        assert!(told(false, &[("app", "web")]).is_empty());
    }
}
