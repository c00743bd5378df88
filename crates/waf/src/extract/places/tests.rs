//! What each reading finds.

use bumpalo::Bump;

use super::*;

/// All values, as `place: text`.
fn found(content_type: &str, body: &[u8], uri: &str) -> std::vec::Vec<String> {
    // Of a structured body, all of it is a value too.
    let whole = body.escape_ascii().to_string();
    let headers: [(&[u8], &[u8]); 1] = [(b"content-type", content_type.as_bytes())];
    let request = Request {
        headers: &headers,
        body,
        ..Request::new("POST", uri)
    };
    let arena = Bump::new();
    let text = |value: &super::Value<'_>| match value.place {
        Place::Whole => value.bytes.escape_ascii().to_string(),
        Place::Key(_) => format!("key: {}", value.bytes.escape_ascii()),
        Place::Value(name) => format!("{}: {}", name.escape_ascii(), value.bytes.escape_ascii()),
    };
    Part::ALL
        .iter()
        .flat_map(|part| places(&request, *part, 1 << 20, &arena).values.iter())
        .map(text)
        .filter(|text| !text.contains("content-type") && text != "/" && *text != whole)
        .collect()
}

#[test]
fn targets_are_read_in_parts() {
    let all = found("", b"", "/a%20b/c;v=1?x=%27&y=1;z=2#f");
    let expected = [
        "/a b/c;v=1",
        "path: a b",
        "path: c",
        "path: v=1",
        "fragment: f",
        "key: x",
        "x: \\'",
        "key: y",
        "y: 1;z=2",
        "y: 1",
        "y: 2",
    ];
    assert_eq!(all, expected);
}

#[test]
fn forms_and_unknown_bodies_are_decoded() {
    assert!(
        found("application/x-www-form-urlencoded", b"a=%3Cb%3E+c", "/")
            .contains(&"a: <b> c".to_owned())
    );
    assert!(
        found("text/plain", b"x=1", "/").ends_with(&["x: 1".to_owned(), "body: x=1".to_owned()])
    );
}

#[test]
fn multipart_gives_names_file_names_and_contents() {
    let body = b"--B\r\nContent-Disposition: form-data; name=\"up\"; filename=\"../x.php\"\r\nContent-Type: text/plain\r\n\r\n<?php\r\n\r\n--B\r\nContent-Disposition: form-data; name=q\n\nv\n--B--\r\n";
    for content_type in [
        "multipart/form-data; boundary=B",
        "multipart/form-data; boundary=\"B\"",
        "text/plain",
    ] {
        let all = found(content_type, body, "/");
        let expected = [
            "key: up",
            "filename: ../x.php",
            "part header: Content-Type: text/plain",
            "up: <?php\\r\\n",
            "key: q",
            "q: v",
        ];
        assert_eq!(all, expected, "{content_type}");
    }
}

#[test]
fn json_is_read_whatever_it_is_said_to_be() {
    let all = found(
        "text/plain",
        br#"{"a":{"b":["x",1]},"query":"{ f(a: \"in\\nner\") }"}"#,
        "/",
    );
    assert!(
        ["key: a", "key: b", "b: x", "b: 1", "graphql: in\\nner"]
            .iter()
            .all(|text| all.contains(&(*text).to_owned())),
        "{all:?}"
    );
}

#[test]
fn xml_is_read_without_expanding_anything() {
    let body = b"<?xml v?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a b=\"1 > 0\" c='&lt;'>t&#60;<![CDATA[raw]]><!-- c --></a>";
    let all = found("application/xml", body, "/");
    let expected = [
        "declaration: DOCTYPE a [<!ENTITY x SYSTEM \\'file:///etc/passwd\\'",
        "b: 1 > 0",
        "c: <",
        "text: t<",
        "section: raw",
        "comment:  c ",
    ];
    assert!(
        expected
            .iter()
            .all(|text| all.contains(&(*text).to_owned())),
        "{all:?}"
    );
}

#[test]
fn grpc_gives_the_texts_of_its_messages() {
    // Field 1: "abc"; field 2: a message whose field 1 is "x' or 1".
    let message = b"\x0a\x03abc\x12\x09\x0a\x07x' or 1\x18\x05";
    let frame = [&[0, 0, 0, 0, message.len() as u8], &message[..]].concat();
    let all = found("application/grpc", &[frame.clone(), frame].concat(), "/");
    assert_eq!(
        all.iter()
            .filter(|text| *text == "field: x\\' or 1")
            .count(),
        2
    );
    assert!(all.contains(&"field: abc".to_owned()));
    assert!(
        found("application/grpc", b"\x01\0\0\0\x02\x1f\x8b", "/")
            .contains(&"message: \\x1f\\x8b".to_owned())
    );
}

#[test]
fn hostile_bodies_end() {
    for body in [
        &b"--B\r\n".repeat(2000)[..],
        &b"<".repeat(5000),
        &b"<a b=".repeat(2000),
        &b"\"".repeat(5000),
        &[0xFF; 5000],
        &b"a;b=".repeat(2000),
    ] {
        for content_type in [
            "multipart/form-data; boundary=B",
            "text/xml",
            "application/grpc",
            "application/graphql",
            "",
        ] {
            found(content_type, body, "/");
        }
    }
}
