//! Tags and attributes, read as forgivingly as browsers read them.

use super::{address, names, style};
use crate::bytes::{at, find, has_at, is_space};

/// What a tag at a `<` gave away.
pub(super) struct Verdict {
    pub(super) reason: Option<&'static str>,
    /// Where to read on.
    pub(super) end: usize,
}

const NAME_MAX: usize = 24;

/// Reads the tag whose `<` is at `start`.
pub(super) fn tag(text: &[u8], start: usize) -> Verdict {
    let mut place = start + 1;
    while matches!(at(text, place), b'/' | 0x01..=0x08)
        || place < text.len() && at(text, place) == 0
    {
        place += 1;
    }
    match at(text, place) {
        b'?' | b'!' | b'%' => return declaration(text, place),
        byte if byte.is_ascii_alphabetic() => {}
        byte if is_space(byte) && at(text, start + 2) == b'/' => {}
        _ => {
            return Verdict {
                reason: None,
                end: start + 1,
            };
        }
    }
    let mut name = [0u8; NAME_MAX];
    let mut length = 0;
    while let Some(&byte) = text.get(place) {
        if is_space(byte) && byte != 0
            || matches!(
                byte,
                b'/' | b'>' | b'<' | b'+' | b'"' | b'\'' | b'=' | b'(' | b',' | b'&' | b';'
            )
        {
            break;
        }
        // Old browsers skipped a NUL in a name.
        if byte != 0 {
            if length < NAME_MAX {
                name[length] = byte.to_ascii_lowercase();
            }
            length += 1;
        }
        place += 1;
    }
    let name = name.get(..length).unwrap_or_default();
    let closing = at(text, start + 1) == b'/';
    let delimited = place >= text.len()
        || is_space(at(text, place))
        || matches!(at(text, place), b'/' | b'>' | b'<' | b'+' | b'"' | b'\'');
    if delimited
        && if closing {
            names::is_structure(name)
        } else {
            names::is_unmistakable(name)
        }
    {
        return Verdict {
            reason: Some("active-element"),
            end: place,
        };
    }
    let attributes = Attributes {
        text,
        place,
        active: !closing && names::is_active(local(name)),
        any: false,
    };
    attributes.read()
}

/// The name without its namespace prefix.
fn local(name: &[u8]) -> &[u8] {
    name.iter()
        .rposition(|&byte| byte == b':')
        .and_then(|colon| name.get(colon + 1..))
        .unwrap_or(name)
}

/// `<!…`, `<?…`, `<%…`.
fn declaration(text: &[u8], place: usize) -> Verdict {
    let instruction = [
        &b"?import"[..],
        b"?xml-stylesheet",
        b"!--[if",
        b"!--#",
        b"![if",
        b"?xml:",
    ];
    let reason = instruction
        .iter()
        .any(|head| has_at(text, place, head))
        .then_some("processing-instruction");
    Verdict {
        reason,
        end: place + 1,
    }
}

struct Attributes<'a> {
    text: &'a [u8],
    place: usize,
    active: bool,
    any: bool,
}

impl Attributes<'_> {
    /// Reads attributes until the tag ends; bounded by the value.
    fn read(mut self) -> Verdict {
        loop {
            while is_space(at(self.text, self.place)) && self.place < self.text.len()
                || matches!(at(self.text, self.place), b'/' | b'+' | b'"' | b'\'' | b'`')
            {
                self.place += 1;
            }
            let Some(&byte) = self.text.get(self.place) else {
                return self.end(None);
            };
            if byte == b'>' {
                self.place += 1;
                return self.end(None);
            }
            if byte == b'<' {
                return self.end(None);
            }
            if let Some(reason) = self.attribute() {
                return self.end(Some(reason));
            }
        }
    }

    fn end(&self, reason: Option<&'static str>) -> Verdict {
        let reason = reason.or((self.active && self.any).then_some("loading-element"));
        Verdict {
            reason,
            end: self.place,
        }
    }

    fn attribute(&mut self) -> Option<&'static str> {
        let start = self.place;
        while let Some(&byte) = self.text.get(self.place) {
            if is_space(byte) || matches!(byte, b'=' | b'>' | b'/' | b'"' | b'\'' | b'<') {
                break;
            }
            self.place += 1;
        }
        if self.place == start {
            self.place += 1;
        }
        let name = self.text.get(start..self.place).unwrap_or_default();
        let mut equals = self.place;
        while equals < self.text.len() && is_space(at(self.text, equals)) {
            equals += 1;
        }
        if at(self.text, equals) != b'=' {
            return None;
        }
        self.place = equals + 1;
        self.any = true;
        let value = self.value();
        judge(name, value)
    }

    fn value(&mut self) -> &[u8] {
        while self.place < self.text.len() && is_space(at(self.text, self.place)) {
            self.place += 1;
        }
        let quote = at(self.text, self.place);
        let start = self.place;
        if matches!(quote, b'"' | b'\'' | b'`') {
            let rest = self.text.get(start + 1..).unwrap_or_default();
            let length = rest
                .iter()
                .position(|&byte| byte == quote)
                .unwrap_or(rest.len());
            self.place = (start + length + 2).min(self.text.len());
            return &rest[..length];
        }
        while let Some(&byte) = self.text.get(self.place) {
            if is_space(byte) || byte == b'>' {
                break;
            }
            self.place += 1;
        }
        &self.text[start..self.place]
    }
}

fn judge(name: &[u8], value: &[u8]) -> Option<&'static str> {
    let name = name.strip_suffix(b"\\").unwrap_or(name);
    let handler = name.len() > 4
        && name[..2].eq_ignore_ascii_case(b"on")
        && name[2..].iter().all(|byte| byte.is_ascii_alphabetic());
    if handler || names::is_handler(name) {
        return Some("event-handler");
    }
    if name.eq_ignore_ascii_case(b"srcdoc") || name.eq_ignore_ascii_case(b"datasrc") {
        return Some("embedded-document");
    }
    if names::is_address(name) && crate::address::numeric_host(value) {
        return Some("numeric-address");
    }
    if names::is_address(name) && address::runs(value) {
        return Some("script-address");
    }
    if name.eq_ignore_ascii_case(b"style") && style::runs(value) {
        return Some("active-style");
    }
    if name.eq_ignore_ascii_case(b"xlink:href")
        && (value.starts_with(b"//") || has_at(value, 0, b"http"))
    {
        return Some("foreign-link");
    }
    // `content="0;url=javascript:…"`, `values="javascript:…;…"`, `size="&{…}"`.
    let inner = find(value, 0, b"url=").map(|place| &value[place + 4..]);
    if inner.is_some_and(address::runs) {
        return Some("script-address");
    }
    (value.starts_with(b"&{") || value.starts_with(b"${") && value.contains(&b'('))
        .then_some("script-entity")
}
