//! Paths: `//`, `/./` and `/x/../` resolved.

use bumpalo::Bump;
use bumpalo::collections::Vec;
use memchr::memmem;

pub(super) fn normalize<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    // Every thing to resolve is at a doubled slash or a segment that begins with a dot.
    let dotted = input.first() == Some(&b'.') || memmem::find(input, b"/.").is_some();
    if !dotted && memmem::find(input, b"//").is_none() {
        return input;
    }
    let absolute = input.first() == Some(&b'/');
    let mut out = Vec::with_capacity_in(input.len(), arena);
    if absolute {
        out.push(b'/');
    }
    let root = out.len();
    // Where what `..` may take away begins: back-references at the very start stay.
    let mut floor = root;
    for segment in input.split(|&byte| byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." if out.len() > floor => {
                let end = out.len() - usize::from(out.last() == Some(&b'/'));
                let slash = out[floor..end].iter().rposition(|&byte| byte == b'/');
                out.truncate(slash.map_or(floor, |at| floor + at + 1));
            }
            b".." if absolute => {}
            b".." => {
                out.extend_from_slice(b"../");
                floor = out.len();
            }
            name => {
                out.extend_from_slice(name);
                out.push(b'/');
            }
        }
    }
    let slash_at_end = input.last() == Some(&b'/');
    if !slash_at_end && out.len() > root && out.last() == Some(&b'/') {
        out.pop();
    }
    out.into_bump_slice()
}

pub(super) fn normalize_win<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    if memchr::memchr(b'\\', input).is_none() {
        return normalize(input, arena);
    }
    let slashes = arena.alloc_slice_copy(input);
    for byte in slashes.iter_mut().filter(|byte| **byte == b'\\') {
        *byte = b'/';
    }
    normalize(slashes, arena)
}
