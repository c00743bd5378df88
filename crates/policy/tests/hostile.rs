//! Bytes from outside: whatever they are, the answer is a value or an error, never a panic. The fuzz target
//! `policy_parse` does the same for hours; this does it briefly on every run.

use palisade_policy::cli::{Format, check, eval_case};
use palisade_policy::{Context, Policy};
use proptest::prelude::*;

const SEED: &str = include_str!("data/everything.json");
const CASE: &str = include_str!("data/case.json");

/// Cuts, repeats and overwrites pieces of a document.
fn mutate(text: &str, edits: &[(u16, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, kind, with) in edits {
        let at = usize::from(*place) % bytes.len().max(1);
        match kind % 4 {
            0 if !bytes.is_empty() => bytes[at] = *with,
            1 => bytes.insert(
                at.min(bytes.len()),
                b"{}[]\",:$\\*?\xc3"[usize::from(*with) % 12],
            ),
            2 => drop(bytes.drain(at..(at + usize::from(*with)).min(bytes.len()))),
            _ => {
                let piece: Vec<u8> = bytes
                    .iter()
                    .skip(at)
                    .take(usize::from(*with))
                    .copied()
                    .collect();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check([("x", bytes.as_slice())], None).render(Format::Json);
        let _ = eval_case(&bytes, Format::Json);
    }

    #[test]
    fn mutated_documents_never_panic(edits in prop::collection::vec((any::<u16>(), any::<u8>(), any::<u8>()), 1..6)) {
        let bytes = mutate(SEED, &edits);
        let report = check([("x", bytes.as_slice())], None);
        prop_assert!(report.render(Format::Text).contains("1 file(s) checked"));
    }

    #[test]
    fn mutated_cases_never_panic(edits in prop::collection::vec((any::<u16>(), any::<u8>(), any::<u8>()), 1..6)) {
        if let Ok(text) = eval_case(&mutate(CASE, &edits), Format::Text) {
            prop_assert!(text.starts_with("Allow: ") || text.starts_with("Deny: "));
        }
    }

    #[test]
    fn any_strings_in_a_grammatical_policy_never_panic(
        action in ".{0,20}", resource in "[a-z:*?${}/, ']{0,40}", key in ".{0,20}", value in "[0-9TZ:.+/${}a-f*-]{0,30}",
        operator in prop::sample::select(palisade_policy::operator::Comparison::ALL.to_vec()),
    ) {
        let quote = |text: &str| serde_json::to_string(text).unwrap();
        let text = format!(
            r#"{{"request":{{"principal":{{"kind":"user","arn":"arn:aws:iam::111122223333:user/ann"}},"action":"s3:Get","resource":{r},
            "context":{{{k}:{v}}}}},"policies":{{"identity":[{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{a},
            "Resource":{r},"Condition":{{"{o}":{{{k}:[{v},"x"]}}}}}}}}]}}}}"#,
            r = quote(&resource), k = quote(&key), v = quote(&value), a = quote(&action), o = operator.as_str(),
        );
        prop_assert!(eval_case(text.as_bytes(), Format::Json).is_ok());
    }
}

#[test]
fn the_seeds_themselves_are_good() {
    let report = check([("everything.json", SEED.as_bytes())], None);
    assert!(!report.has_errors(), "{}", report.render(Format::Text));
    assert!(eval_case(CASE.as_bytes(), Format::Text).is_ok());
    assert!(Policy::parse(SEED).is_ok() && Context::new().is_empty());
}
