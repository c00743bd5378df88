//! Each transformation, by the documentation's examples and at its edges.

use bumpalo::Bump;

use super::{PreParse, Transformation};

fn check(name: &str, cases: &[(&[u8], &[u8])]) {
    let transformation = Transformation::of(name).unwrap();
    let arena = Bump::new();
    for (input, expected) in cases {
        let output = transformation.apply(input, &arena);
        assert_eq!(
            output.escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{name} of {}",
            input.escape_ascii()
        );
    }
}

#[test]
fn every_transformation_of_the_model_is_there() {
    assert_eq!((Transformation::ALL.len(), PreParse::ALL.len()), (31, 5));
    assert!(
        Transformation::ALL
            .iter()
            .all(|kind| Transformation::of(kind.name()) == Some(*kind))
    );
}

#[test]
fn none_changes_nothing() {
    check("NONE", &[(b"A%20b \0", b"A%20b \0"), (b"", b"")]);
}

#[test]
fn white_space_is_compressed_removed_and_trimmed() {
    check(
        "COMPRESS_WHITE_SPACE",
        &[
            (b"a\t\n\x0b\x0c\r\xa0 b  c", b"a b c"),
            (b"a b", b"a b"),
            (b"  ", b" "),
            (b"a\n", b"a "),
            (b"\n", b" "),
        ],
    );
    check(
        "REMOVE_WHITESPACE",
        &[(b" a\t\n\x0b\x0c\r\xa0b ", b"ab"), (b"", b"")],
    );
    check("TRIM", &[(b" \ta b\n ", b"a b"), (b"   ", b""), (b"", b"")]);
    check("TRIM_LEFT", &[(b" \ta b\n ", b"a b\n "), (b"  ", b"")]);
    check("TRIM_RIGHT", &[(b" \ta b\n ", b" \ta b"), (b"  ", b"")]);
}

#[test]
fn only_ascii_letters_change_their_case() {
    check("LOWERCASE", &[("AbÉ1".as_bytes(), "abÉ1".as_bytes())]);
    check("UPPERCASE", &[("AbÉé1".as_bytes(), "ABÉé1".as_bytes())]);
}

#[test]
fn nulls_are_removed_or_replaced() {
    check("REMOVE_NULLS", &[(b"a\0b\0", b"ab"), (b"ab", b"ab")]);
    check("REPLACE_NULLS", &[(b"a\0b\0", b"a b "), (b"ab", b"ab")]);
}

#[test]
fn what_shells_ignore_is_deleted() {
    check(
        "CMD_LINE",
        &[
            (br#"C^OMMAND"#, b"command"),
            (br#""command""#, b"command"),
            (b"cat,/etc;passwd", b"cat/etc passwd"),
            (b"echo  'a' ( \\b", b"echo a( b"),
            (b"a ; , b", b"a b"),
        ],
    );
    check(
        "CMD_LINE_UNIX",
        &[
            (br#"c\at "/ETC/pass'wd""#, b"cat /etc/passwd"),
            (b" ls\t\n -l ^; x ", b"ls -l ^; x"),
            (b" '' ", b""),
        ],
    );
    check(
        "CMD_LINE_WIN",
        &[
            (br#"C:\\"Windows"\"\cmd^.exe"#, br"c:\windows\cmd.exe"),
            (b"who^\r\nami^\n /all", b"whoami /all"),
            (b"  a  b  ", b"a b"),
        ],
    );
}

#[test]
fn url_encoding_is_decoded_where_it_is_valid() {
    check(
        "URL_DECODE",
        &[
            (b"%41+%2e%2E%", b"A ..%"),
            (b"%4", b"%4"),
            (b"%4g%%41", b"%4g%A"),
            (b"%u0041", b"%u0041"),
            (b"", b""),
        ],
    );
    check(
        "URL_DECODE_UNI",
        &[
            (b"%u0041%41+", b"AA "),
            (b"%uff1cscript%uFF1E", b"<script>"),
            (b"%u2215%u00g1%u12", b"\x15%u00g1%u12"),
            (b"%U0027", b"'"),
        ],
    );
}

#[test]
fn base64_is_decoded() {
    check(
        "BASE64_DECODE",
        &[
            (b"PHNjcmlwdD4=", b"<script>"),
            (b"PHNj*cmlwdD4=", b"PHNj*cmlwdD4="),
            (b"PA", b"PA"),
            (b"PA==", b"<"),
            (b"", b""),
        ],
    );
    check(
        "BASE64_DECODE_EXT",
        &[
            (b"P.HNj\ncml wdD4=", b"<script>"),
            (b"PA==PHNj", b"<\x03\xc76"),
            (b"-", b""),
        ],
    );
}

#[test]
fn hexadecimal_is_decoded() {
    check(
        "HEX_DECODE",
        &[
            (b"414243", b"ABC"),
            (b"4a4B", b"JK"),
            (b"414", b"A4"),
            (b"xyz", b"xyz"),
        ],
    );
    check(
        "SQL_HEX_DECODE",
        &[
            (b"0x414243", b"ABC"),
            (b"id=0x4142 or 0X43", b"id=AB or C"),
            (b"0x414", b"A4"),
            (b"0xg 0x", b"0xg 0x"),
        ],
    );
}

#[test]
fn hashes_are_raw_bytes() {
    check(
        "MD5",
        &[(
            b"",
            b"\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e",
        )],
    );
    check("SHA256", &[(b"abc", b"\xbax\x16\xbf\x8f\x01\xcf\xeaAA@\xde]\xae\"#\xb0\x03a\xa3\x96\x17z\x9c\xb4\x10\xffa\xf2\x00\x15\xad")]);
}

#[test]
fn comments_are_replaced_and_their_characters_removed() {
    check(
        "REPLACE_COMMENTS",
        &[
            (b"UN/**/ION/* a */ALL", b"UN ION ALL"),
            (b"a/*b*//*c*/d", b"a  d"),
            (b"a/*b", b"a "),
            (b"a*/b", b"a*/b"),
            (b"a/*/b*/c", b"a c"),
        ],
    );
    check(
        "REMOVE_COMMENTS_CHAR",
        &[
            (b"/*a*/b--c#d", b"abcd"),
            (b"a-b/c", b"a-b/c"),
            (b"-#-", b"--"),
        ],
    );
}

#[test]
fn escapes_are_decoded() {
    check(
        "ESCAPE_SEQ_DECODE",
        &[
            (
                br#"\a\b\f\n\r\t\v\\\?\'\""#,
                b"\x07\x08\x0c\n\r\t\x0b\\?'\"",
            ),
            (br"\x41\101\0", b"AA\0"),
            (br"\x4\q\", br"\x4\q\"),
            (br"\0601", b"01"),
        ],
    );
    check(
        "CSS_DECODE",
        &[
            (br"ja\vascript", b"javascript"),
            (br"\61 \062\000063", b"abc"),
            (br"\FF1Cx\00FF1C", b"<x<"),
            (br"\123456z", b"Vz"),
            (b"a\\\nb\\", b"ab"),
        ],
    );
    check(
        "JS_DECODE",
        &[
            (br"\u0041\uff1c\u2215", b"A<\x15"),
            (br"\x41\101\400\a\n\q\\", b"AA 0\x07\nq\\"),
            (br"\u12\", br"u12\"),
        ],
    );
    check(
        "JS_DECODE_EXT",
        &[
            (br"\u0041\x42\/\'", b"AB/'"),
            (br"C:\default\new\\x", br"C:\default\new\x"),
            (br"\101", br"\101"),
        ],
    );
}

#[test]
fn html_references_are_decoded() {
    check(
        "HTML_ENTITY_DECODE",
        &[
            (b"&lt;a&GT;&quot;&amp;&nbsp;", b"<a>\"&\xa0"),
            (b"&#60;&#x3C;&#X3c&#60", b"<<<<"),
            (b"&#x20AC;", "€".as_bytes()),
            (b"&lpar;&Tab;&NewLine;&colon;&apos;&bsol;", b"(\t\n:'\\"),
            (
                b"&;&#;&#x;&none;&#x110000;&ltx",
                b"&;&#;&#x;&none;&#x110000;<x",
            ),
        ],
    );
}

#[test]
fn paths_are_normalised() {
    check(
        "NORMALIZE_PATH",
        &[
            (b"/a//b/./c/../d", b"/a/b/d"),
            (b"/../../etc/passwd", b"/etc/passwd"),
            (b"../../a/../b", b"../../b"),
            (b"a/b/..", b"a"),
            (b"./a", b"a"),
            (b"/a/b/", b"/a/b/"),
            (b"/.hidden/..x", b"/.hidden/..x"),
            (b"", b""),
            (b"/", b"/"),
        ],
    );
    check(
        "NORMALIZE_PATH_WIN",
        &[(br"\a\\b\..\c", b"/a/c"), (br"..\x", b"../x")],
    );
}

#[test]
fn utf8_becomes_percent_u() {
    check(
        "UTF8_TO_UNICODE",
        &[
            ("aé€😀".as_bytes(), b"a%u00e9%u20ac%u1f600"),
            (b"a\xffb", b"a\xffb"),
            (b"\xc0\xaf", b"\xc0\xaf"),
        ],
    );
}

#[test]
fn query_strings_are_prepared() {
    let arena = Bump::new();
    let apply = |kind: &str, input: &'static [u8]| PreParse::of(kind).unwrap().apply(input, &arena);
    assert_eq!(
        apply("COMBINE_DUPLICATE_QUERY_ARGS_BY_COMMA", b"a=1&b=2&a=3"),
        b"a=1,3&b=2"
    );
    assert_eq!(
        apply("COMBINE_DUPLICATE_QUERY_ARGS_BY_COMMA", b"a&b=&a"),
        b"a=,&b="
    );
    assert_eq!(
        apply("REPLACE_SEMICOLONS_WITH_AMPERSANDS", b"a=1;b=2"),
        b"a=1&b=2"
    );
    assert_eq!(apply("URL_DECODE", b"a=1%26b=2"), b"a=1&b=2");
    assert_eq!(apply("URL_DECODE_UNI", b"a=%u0026b"), b"a=&b");
    assert_eq!(apply("NONE", b"a=%26"), b"a=%26");
}

#[test]
fn no_output_is_more_than_three_times_its_input_and_a_hash() {
    let arena = Bump::new();
    let hostile: Vec<Vec<u8>> = vec![
        vec![0xC2; 999],
        "é".repeat(500).into_bytes(),
        b"&#x20AC".repeat(99),
        b"\\".repeat(999),
        b"/../".repeat(99),
        (0..=255).collect(),
    ];
    for input in &hostile {
        for kind in Transformation::ALL {
            assert!(
                kind.apply(input, &arena).len() <= 3 * input.len() + 32,
                "{}",
                kind.name()
            );
        }
    }
}
