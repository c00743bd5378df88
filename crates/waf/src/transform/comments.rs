//! Comments of C and SQL.

use bumpalo::Bump;
use bumpalo::collections::Vec;
use memchr::memmem;

/// Each C comment as one space, one without an end too; an end without a start stays.
pub(super) fn replace<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let Some(first) = memmem::find(input, b"/*") else {
        return input;
    };
    let mut out = Vec::with_capacity_in(input.len(), arena);
    let (mut rest, mut start) = (input, Some(first));
    while let Some(at) = start {
        out.extend_from_slice(&rest[..at]);
        out.push(b' ');
        let comment = &rest[at + 2..];
        let end = memmem::find(comment, b"*/");
        rest = end.map_or(&[], |end| &comment[end + 2..]);
        start = memmem::find(rest, b"/*");
    }
    out.extend_from_slice(rest);
    out.into_bump_slice()
}

/// Without `/*`, `*/`, `--` and `#`, in one pass: what then stands together is not looked at again.
pub(super) fn remove_characters<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let marker = |rest: &[u8]| match rest {
        [b'/', b'*', ..] | [b'*', b'/', ..] | [b'-', b'-', ..] => 2,
        [b'#', ..] => 1,
        _ => 0,
    };
    let Some(first) = (0..input.len()).find(|&at| marker(&input[at..]) > 0) else {
        return input;
    };
    let mut out = Vec::with_capacity_in(input.len(), arena);
    out.extend_from_slice(&input[..first]);
    let mut rest = &input[first..];
    while let Some((&byte, after)) = rest.split_first() {
        let length = marker(rest);
        if length == 0 {
            out.push(byte);
            rest = after;
        } else {
            rest = &rest[length..];
        }
    }
    out.into_bump_slice()
}
