//! The same attack written another way: case, comments, white space, double encoding, Unicode, JSON, multipart.

use super::request::{Case, js_unicode, multipart, query_escape};

/// The name of a way to write, and the way.
pub type Mutation = (&'static str, fn(&[u8]) -> Case);

/// All ways; each applies to every attack, and to SQL those of SQL too.
pub const MUTATIONS: &[Mutation] = &[
    ("case", |value| Case::argument(&swapped(value))),
    ("double encoding", |value| {
        Case::get(
            [b"/search?q=", query_escape(&query_escape(value)).as_slice()].concat(),
            value,
        )
    }),
    ("unicode", |value| Case::argument(&full_width(value))),
    ("json", |value| {
        Case::post(
            "application/json",
            [
                b"{\"a\": [{\"b\": \"",
                js_unicode(value).as_slice(),
                b"\"}]}",
            ]
            .concat(),
            value,
        )
    }),
    ("multipart", |value| {
        let (kind, body) = multipart(b"a", value);
        Case::post(&kind, body, value)
    }),
];

/// Ways to write SQL.
pub const SQL: &[Mutation] = &[
    ("comment", |value| {
        Case::argument(&replaced(value, b"/*x*/"))
    }),
    ("white space", |value| {
        Case::argument(&replaced(value, b"\t\n"))
    }),
];

/// Ways to write markup.
pub const MARKUP: &[Mutation] = &[("white space", |value| {
    Case::argument(&replaced(value, b"\n"))
})];

/// Every other letter's case is turned over.
fn swapped(value: &[u8]) -> Vec<u8> {
    let turn = |(index, byte): (usize, &u8)| {
        if index % 2 == 1 && byte.is_ascii_alphabetic() {
            byte ^ 0x20
        } else {
            *byte
        }
    };
    value.iter().enumerate().map(turn).collect()
}

/// ASCII's signs and letters as their full-width forms, where the value is ASCII.
fn full_width(value: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(value);
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
        _ => c,
    };
    text.chars().map(wide).collect::<String>().into_bytes()
}

fn replaced(value: &[u8], blank: &[u8]) -> Vec<u8> {
    value
        .split(|&byte| byte == b' ')
        .collect::<Vec<_>>()
        .join(blank)
}
