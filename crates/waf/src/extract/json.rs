//! A body read as JSON, as far as it can be.
//!
//! One pass, no recursion: what is nested costs a frame, and the body's length bounds them. As the developer guide says, commas and
//! colons may be missing, and colons doubled. All members of the same key count. Reading ends at the first thing that is no JSON;
//! what was read before is there, a string without end too.

use bumpalo::Bump;
use bumpalo::collections::Vec;

use super::{Place, Value};
use crate::statement::Scope;

/// The values that `pointers` (none: everything) and `scope` pick, and whether the body could be read to its end.
pub(super) fn values<'b>(
    body: &'b [u8],
    pointers: &[std::vec::Vec<String>],
    scope: Scope,
    arena: &'b Bump,
) -> (&'b [Value<'b>], bool) {
    let mut reader = Reader {
        body,
        at: 0,
        frames: Vec::new_in(arena),
        found: Vec::new_in(arena),
        paths: Paths {
            pointers,
            matched: Vec::from_iter_in(pointers.iter().map(|_| 0), arena),
            within: 0,
        },
        scope,
        arena,
    };
    let valid = reader.run().is_some();
    (reader.found.into_bump_slice(), valid)
}

/// A container that is open.
struct Frame<'b> {
    /// `None` for an object; for an array, how many elements were read.
    index: Option<usize>,
    /// In an object: the key whose value comes next.
    key: Option<&'b [u8]>,
    /// The key this container is the value of.
    name: &'b [u8],
}

struct Reader<'b, 'p> {
    body: &'b [u8],
    at: usize,
    frames: Vec<'b, Frame<'b>>,
    found: Vec<'b, Value<'b>>,
    paths: Paths<'b, 'p>,
    scope: Scope,
    arena: &'b Bump,
}

impl<'b> Reader<'b, '_> {
    /// Reads all; nothing where it breaks.
    fn run(&mut self) -> Option<()> {
        match self.next()? {
            b'{' => self.open(None, b""),
            b'[' => self.open(Some(0), b""),
            _ => return None,
        }
        while let Some(frame) = self.frames.last() {
            let in_object = frame.index.is_none();
            let wants_value = frame.key.is_some();
            match self.next()? {
                b'}' if in_object && !wants_value => self.close(),
                b']' if !in_object => self.close(),
                b',' if !wants_value => {}
                b':' if wants_value => {}
                b'"' if in_object && !wants_value => {
                    let (key, whole) = self.string();
                    self.emit(Scope::Key, key, key);
                    self.frames.last_mut()?.key = Some(key);
                    whole.then_some(())?;
                }
                byte if !in_object || wants_value => self.value(byte)?,
                _ => return None,
            }
        }
        self.next().is_none().then_some(())
    }

    fn value(&mut self, first: u8) -> Option<()> {
        let name = self.enter()?;
        match first {
            b'{' => self.open(None, name),
            b'[' => self.open(Some(0), name),
            b'"' => {
                let (text, whole) = self.string();
                self.emit(Scope::Value, text, name);
                whole.then_some(())?;
                self.leave();
            }
            _ => {
                self.at -= 1;
                let text = self.scalar()?;
                self.emit(Scope::Value, text, name);
                self.leave();
            }
        }
        Some(())
    }

    /// Goes to the value that comes next: takes its key or index, and says the name it is known by.
    fn enter(&mut self) -> Option<&'b [u8]> {
        let depth = self.frames.len();
        let frame = self.frames.last_mut()?;
        if let Some(index) = &mut frame.index {
            let token = *index;
            *index += 1;
            let name = frame.name;
            self.paths.enter(depth, |wanted| {
                wanted.parse() == Ok(token) && (wanted == "0" || !wanted.starts_with(['0', '+']))
            });
            return Some(name);
        }
        let key = frame.key.take()?;
        self.paths.enter(depth, |wanted| wanted.as_bytes() == key);
        Some(key)
    }

    fn leave(&mut self) {
        self.paths.leave(self.frames.len());
    }

    fn open(&mut self, index: Option<usize>, name: &'b [u8]) {
        self.frames.push(Frame {
            index,
            key: None,
            name,
        });
    }

    fn close(&mut self) {
        self.frames.pop();
        self.leave();
    }

    fn emit(&mut self, part: Scope, bytes: &'b [u8], name: &'b [u8]) {
        if self.paths.selected() && (self.scope == Scope::All || self.scope == part) {
            let place = if part == Scope::Key {
                Place::Key(name)
            } else {
                Place::Value(name)
            };
            self.found.push(Value { bytes, place });
        }
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        let skipped = self.body[self.at..]
            .iter()
            .position(|byte| !b" \t\r\n".contains(byte))?;
        self.at += skipped + 1;
        Some(self.body[self.at - 1])
    }

    /// The string that was just opened, unescaped, and whether it has an end.
    fn string(&mut self) -> (&'b [u8], bool) {
        let start = self.at;
        let body = self.body;
        let Some(length) = memchr::memchr2(b'"', b'\\', &body[start..]) else {
            self.at = body.len();
            return (&body[start..], false);
        };
        self.at += length + 1;
        if body[self.at - 1] == b'"' {
            return (&body[start..self.at - 1], true);
        }
        let mut text = Vec::with_capacity_in(length * 2 + 16, self.arena);
        text.extend_from_slice(&body[start..self.at - 1]);
        loop {
            // Here a backslash has just been read.
            if self.escape(&mut text).is_none() {
                return (text.into_bump_slice(), false);
            }
            let plain = self.at;
            let Some(length) = memchr::memchr2(b'"', b'\\', &body[plain..]) else {
                text.extend_from_slice(&body[plain..]);
                self.at = body.len();
                return (text.into_bump_slice(), false);
            };
            text.extend_from_slice(&body[plain..plain + length]);
            self.at += length + 1;
            if body[self.at - 1] == b'"' {
                return (text.into_bump_slice(), true);
            }
        }
    }

    fn escape(&mut self, text: &mut Vec<'b, u8>) -> Option<()> {
        let letter = *self.body.get(self.at)?;
        self.at += 1;
        text.push(match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let character = self.unicode()?;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        });
        Some(())
    }

    /// The character of `\uHHHH`, or of two of them that are a pair; half a pair is U+FFFD.
    fn unicode(&mut self) -> Option<char> {
        let high = self.code_unit(self.at)?;
        self.at += 4;
        let paired = self.body[self.at..].starts_with(b"\\u");
        let low = if (0xD800..0xDC00).contains(&high) && paired {
            self.code_unit(self.at + 2)
        } else {
            None
        };
        if let Some(low @ 0xDC00..=0xDFFF) = low {
            self.at += 6;
            return char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
        }
        Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn code_unit(&self, at: usize) -> Option<u32> {
        let digits = self.body.get(at..at + 4)?;
        let digit = |code: u32, byte: &u8| Some(code << 4 | (*byte as char).to_digit(16)?);
        digits.iter().try_fold(0, digit)
    }

    /// A number or a literal, as it is written.
    fn scalar(&mut self) -> Option<&'b [u8]> {
        let rest = &self.body[self.at..];
        let literal = [&b"true"[..], b"false", b"null"]
            .into_iter()
            .find(|literal| rest.starts_with(literal));
        let length = match literal {
            Some(literal) => literal.len(),
            None if matches!(rest.first(), Some(b'-' | b'0'..=b'9')) => rest
                .iter()
                .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
                .count(),
            None => return None,
        };
        self.at += length;
        Some(&rest[..length])
    }
}

/// How far the path to where we are follows each pointer.
struct Paths<'b, 'p> {
    pointers: &'p [std::vec::Vec<String>],
    /// For each pointer, how many of its tokens the path begins with.
    matched: Vec<'b, usize>,
    /// How many pointers the path follows to their end.
    within: usize,
}

impl Paths<'_, '_> {
    /// Whether what is here is picked: beneath or at the end of a pointer.
    fn selected(&self) -> bool {
        self.pointers.is_empty() || self.within > 0
    }

    /// The path becomes `depth` tokens long.
    fn enter(&mut self, depth: usize, is: impl Fn(&str) -> bool) {
        for (pointer, matched) in self.pointers.iter().zip(self.matched.iter_mut()) {
            if *matched == depth - 1 && pointer.get(*matched).is_some_and(|token| is(token)) {
                *matched = depth;
                self.within += usize::from(depth == pointer.len());
            }
        }
    }

    /// The path becomes `depth` - 1 tokens long.
    fn leave(&mut self, depth: usize) {
        for (pointer, matched) in self.pointers.iter().zip(self.matched.iter_mut()) {
            if depth > 0 && *matched >= depth {
                self.within -= usize::from(*matched == pointer.len());
                *matched = depth - 1;
            }
        }
    }
}
