//! The transformations against ModSecurity's of the same name, by vectors that `tools/waf_modsecurity.py` wrote.

use palisade_waf::Bump;
use palisade_waf::transform::Transformation;
use serde_json::Value;

#[test]
fn transformations_are_modsecuritys_but_for_known_differences() {
    let vectors: Value = serde_json::from_str(include_str!("data/modsecurity.json")).unwrap();
    let arena = Bump::new();
    let mut report = String::new();
    for (name, cases) in vectors.as_object().unwrap() {
        let transformation = Transformation::of(name).unwrap();
        for (input, expected) in cases.as_object().unwrap() {
            let input = bytes(input);
            let ours = transformation.apply(&input, &arena);
            let theirs = bytes(expected.as_str().unwrap());
            if ours != theirs && !is_known(name, &input, &theirs) {
                report += &format!(
                    "{name} of \"{}\": \"{}\", ModSecurity \"{}\"\n",
                    input.escape_ascii(),
                    ours.escape_ascii(),
                    theirs.escape_ascii()
                );
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// Where we follow AWS's documentation, or what a browser or server does, instead.
fn is_known(name: &str, input: &[u8], theirs: &[u8]) -> bool {
    match name {
        // The documentation counts the no-break space as white space.
        "COMPRESS_WHITE_SPACE" => input.contains(&0xA0),
        // ModSecurity swallows letters behind a name without semicolon, and keeps the lower byte of larger numbers.
        "HTML_ENTITY_DECODE" => {
            input.windows(4).any(|text| text == b"&gta")
                || input
                    .windows(6)
                    .any(|text| text.eq_ignore_ascii_case(b"&#x3ca"))
        }
        // It takes `...` and `a..` for back-references, forgets leading ones, and may leave nothing of a path.
        "NORMALIZE_PATH" => {
            let dotted = |part: &[u8]| part.ends_with(b"..") && part != b"..";
            theirs.is_empty()
                || input.starts_with(b"..")
                || input.split(|byte| *byte == b'/').any(dotted)
        }
        _ => false,
    }
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
    (0..hexadecimal.len()).step_by(2).map(pair).collect()
}
