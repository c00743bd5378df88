//! GraphQL documents: the strings in them, which are what a client says.

use memchr::memmem;

use crate::extract::Place;
use crate::extract::places::Places;
use crate::transform::Transformation;

/// Strings, block strings and comments of a document, strings unescaped.
pub(super) fn read<'b>(document: &'b [u8], places: &mut Places<'b>) {
    let mut rest = document;
    while let Some(at) = memchr::memchr2(b'"', b'#', rest) {
        let mark = &rest[at..];
        let (content, after) = if mark.starts_with(b"\"\"\"") {
            split(&mark[3..], memmem::find(&mark[3..], b"\"\"\""), 3)
        } else if mark[0] == b'#' {
            split(&mark[1..], memchr::memchr(b'\n', &mark[1..]), 1)
        } else {
            let (content, after) = split(&mark[1..], string_end(&mark[1..]), 1);
            (Transformation::JsDecode.apply(content, places.arena), after)
        };
        places.push(content, Place::Value(b"graphql"));
        rest = after;
    }
}

fn split(text: &[u8], end: Option<usize>, length: usize) -> (&[u8], &[u8]) {
    match end {
        Some(end) => (&text[..end], &text[end + length..]),
        None => (text, &text[..0]),
    }
}

fn string_end(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}
