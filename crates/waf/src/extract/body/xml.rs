//! XML, by its marks alone: no tree, no entities expanded, nothing fetched.

use memchr::memmem;

use crate::extract::Place;
use crate::extract::places::Places;
use crate::transform::Transformation;

/// Texts, attribute values, sections, comments, instructions and declarations. Character references are read.
pub(super) fn read<'b>(body: &'b [u8], places: &mut Places<'b>) {
    let mut rest = body;
    while let Some(open) = memchr::memchr(b'<', rest) {
        text(&rest[..open], places);
        let mark = &rest[open..];
        let (opening, closing): (&[u8], &[u8]) = match mark {
            [b'<', b'!', b'-', b'-', ..] => (b"<!--", b"-->"),
            _ if mark.starts_with(b"<![CDATA[") => (b"<![CDATA[", b"]]>"),
            [b'<', b'?', ..] => (b"<?", b"?>"),
            [b'<', b'!', ..] => (b"<!", b">"),
            _ => (b"<", b">"),
        };
        let inside = &mark[opening.len()..];
        let end = if opening == b"<" {
            tag_end(inside)
        } else {
            memmem::find(inside, closing)
        };
        let (inside, after) = match end {
            Some(end) => (&inside[..end], &inside[end + closing.len()..]),
            None => (inside, &inside[..0]),
        };
        if opening == b"<" {
            attributes(inside, places);
        } else {
            places.push(inside, Place::Value(opening_name(opening)));
        }
        rest = after;
    }
    text(rest, places);
}

fn opening_name(opening: &[u8]) -> &'static [u8] {
    match opening {
        b"<!--" => b"comment",
        b"<?" => b"instruction",
        b"<!" => b"declaration",
        _ => b"section",
    }
}

fn text<'b>(bytes: &'b [u8], places: &mut Places<'b>) {
    let bytes = bytes.trim_ascii();
    let read = Transformation::HtmlEntityDecode.apply(bytes, places.arena);
    places.push(read, Place::Value(b"text"));
}

/// The end of a tag: a `>` outside of quotes.
fn tag_end(inside: &[u8]) -> Option<usize> {
    let mut quote = 0;
    inside.iter().position(|&byte| {
        match byte {
            b'"' | b'\'' if quote == 0 => quote = byte,
            _ if byte == quote => quote = 0,
            _ => {}
        }
        byte == b'>' && quote == 0
    })
}

fn attributes<'b>(tag: &'b [u8], places: &mut Places<'b>) {
    let mut rest = tag;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let start = rest[..at].trim_ascii_end();
        let name_start = start
            .iter()
            .rposition(u8::is_ascii_whitespace)
            .map_or(0, |index| index + 1);
        let name = &start[name_start..];
        let value = rest[at + 1..].trim_ascii_start();
        let quote = value
            .first()
            .copied()
            .filter(|byte| matches!(byte, b'"' | b'\''));
        let (value, after) = match quote {
            Some(quote) => {
                let end = memchr::memchr(quote, &value[1..]).map_or(value.len(), |end| end + 1);
                (&value[1..end], value.get(end + 1..).unwrap_or(b""))
            }
            None => {
                let end = value
                    .iter()
                    .position(u8::is_ascii_whitespace)
                    .unwrap_or(value.len());
                value.split_at(end)
            }
        };
        let read = Transformation::HtmlEntityDecode.apply(value, places.arena);
        places.push(read, Place::Value(name));
        rest = after;
    }
}
