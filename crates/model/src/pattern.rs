//! Regular expressions of models: written for Java's engine, matched here in bounded time.
//!
//! AWS validates with `java.util.regex` and `matches()`: the whole text must match. Java's syntax differs from the
//! `regex` crate's in what `\w`, `\d`, `\s`, `.` and `\uXXXX` mean and in how `-` and `[` read within a class, so a pattern
//! is translated first. The few with look-around, which a linear-time engine refuses, run on `fancy_regex` with a bounded
//! backtrack; a text on which that bound is hit does not match.

use std::iter::Peekable;
use std::str::Chars;
use std::sync::OnceLock;

/// Steps of the backtracking engine before a text counts as not matching.
const BACKTRACK_LIMIT: usize = 100_000;

/// A model's pattern, compiled at its first use.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<Engine>>,
}

impl Pattern {
    /// The pattern of that source; nothing is compiled yet.
    pub const fn new(source: &'static str) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }

    /// The pattern as the model has it, for messages.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Whether the whole text matches. A pattern that cannot be compiled matches nothing: refusing is the safe mistake
    /// (tests prove that every pattern of the embedded models compiles).
    pub fn matches(&self, text: &str) -> bool {
        match self
            .compiled
            .get_or_init(|| Engine::compile(self.source).ok())
        {
            Some(engine) => engine.matches(text),
            None => false,
        }
    }

    /// Compiles the pattern now.
    ///
    /// # Errors
    /// The engine's own words, when the pattern is none.
    pub fn check(&self) -> Result<(), String> {
        Engine::compile(self.source).map(|_| ())
    }
}

#[derive(Debug)]
enum Engine {
    Linear(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

impl Engine {
    fn compile(source: &str) -> Result<Self, String> {
        let whole = format!(r"\A(?:{})\z", translate(source));
        match regex::Regex::new(&whole) {
            Ok(regex) => Ok(Self::Linear(regex)),
            Err(regex::Error::Syntax(_)) => fancy_regex::RegexBuilder::new(&whole)
                .backtrack_limit(BACKTRACK_LIMIT)
                .build()
                .map(|regex| Self::Backtracking(Box::new(regex)))
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Linear(regex) => regex.is_match(text),
            Self::Backtracking(regex) => regex.is_match(text).unwrap_or(false),
        }
    }
}

/// Java's `\w`, `\d` and `\s` are ASCII, and `.` stops at every line terminator.
const WORD: &str = "0-9A-Za-z_";
const DIGIT: &str = "0-9";
const SPACE: &str = r"\t\n\x0B\x0C\r\x20";
const NOT_LINE_END: &str = r"[^\n\r\x{85}\x{2028}\x{2029}]";

/// The pattern in the syntax of the `regex` and `fancy_regex` crates.
fn translate(source: &str) -> String {
    let mut translator = Translator {
        rest: source.chars().peekable(),
        out: String::new(),
        dot_all: source.starts_with("(?s)"),
    };
    translator.run();
    translator.out
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    dot_all: bool,
}

/// One item of a class: a character, which may begin or end a range, or a set in the target's syntax.
enum Item {
    Char(u32),
    Set(String),
}

impl Translator<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape(),
                '[' => self.class(),
                '.' if !self.dot_all => self.out.push_str(NOT_LINE_END),
                other => self.out.push(other),
            }
        }
    }

    /// An escape outside a class.
    fn escape(&mut self) {
        match self.rest.next() {
            Some('w') => self.set(false, WORD),
            Some('d') => self.set(false, DIGIT),
            Some('s') => self.set(false, SPACE),
            Some('W') => self.set(true, WORD),
            Some('D') => self.set(true, DIGIT),
            Some('S') => self.set(true, SPACE),
            Some('u') => {
                let code = self.code_point();
                self.out.push_str(&literal(code));
            }
            // Escapes that mean the same on both sides, back-references and property classes among them.
            Some(c) if c.is_ascii_alphanumeric() => {
                self.out.push('\\');
                self.out.push(c);
            }
            Some(c) => self.out.push_str(&literal(u32::from(c))),
            None => self.out.push_str(r"\\"),
        }
    }

    fn set(&mut self, negated: bool, members: &str) {
        let open = if negated { "[^" } else { "[" };
        self.out.push_str(open);
        self.out.push_str(members);
        self.out.push(']');
    }

    /// A class, after its `[`.
    fn class(&mut self) {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        while let Some(c) = self.rest.next() {
            match c {
                ']' if !first => break,
                '[' => self.class(),
                '&' if self.rest.peek() == Some(&'&') => {
                    self.rest.next();
                    self.out.push_str("&&");
                }
                _ => self.item_or_range(c),
            }
            first = false;
        }
        self.out.push(']');
    }

    fn item_or_range(&mut self, c: char) {
        let low = match self.item(c) {
            Item::Set(set) => return self.out.push_str(&set),
            Item::Char(low) => low,
        };
        self.out.push_str(&literal(low));
        let mut ahead = self.rest.clone();
        let range = ahead.next() == Some('-') && !matches!(ahead.peek(), None | Some(']' | '['));
        if !range {
            return;
        }
        let Some(end) = ahead.next() else { return };
        let after_dash = std::mem::replace(&mut self.rest, ahead);
        match self.item(end) {
            Item::Char(high) => {
                self.out.push('-');
                self.out.push_str(&literal(high));
            }
            // `a-\d`: no range; the dash is read again as a character.
            Item::Set(_) => self.rest = after_dash,
        }
    }

    fn item(&mut self, c: char) -> Item {
        if c != '\\' {
            return Item::Char(u32::from(c));
        }
        match self.rest.next() {
            Some('w') => Item::Set(WORD.into()),
            Some('d') => Item::Set(DIGIT.into()),
            Some('s') => Item::Set(SPACE.into()),
            Some('W') => Item::Set(format!("[^{WORD}]")),
            Some('D') => Item::Set(format!("[^{DIGIT}]")),
            Some('S') => Item::Set(format!("[^{SPACE}]")),
            Some(c @ ('p' | 'P')) => Item::Set(self.property(c)),
            Some('u') => Item::Char(self.code_point()),
            Some('x') => Item::Char(self.hex(2)),
            Some('t') => Item::Char(9),
            Some('n') => Item::Char(10),
            Some('f') => Item::Char(12),
            Some('r') => Item::Char(13),
            Some(c) => Item::Char(u32::from(c)),
            None => Item::Char(u32::from('\\')),
        }
    }

    /// `\p{L}` or `\pL`, the same on both sides.
    fn property(&mut self, kind: char) -> String {
        let mut set = format!("\\{kind}");
        for c in self.rest.by_ref() {
            set.push(c);
            if c == '}' || !set.contains('{') {
                break;
            }
        }
        set
    }

    /// After `\u`: four hexadecimal digits. Two of them that form a surrogate pair are one character, as in Java; and
    /// where a model's author wrote `\u10000` or `\u10FFFF`, the supplementary character is meant, although Java reads a
    /// four-digit escape and a digit: the lenient reading never refuses what AWS accepts in the ranges these stand in.
    fn code_point(&mut self) -> u32 {
        if let Some(code) = self.supplementary() {
            return code;
        }
        let high = self.hex(4);
        if !(0xD800..0xDC00).contains(&high) {
            return high;
        }
        let mut ahead = self.rest.clone();
        if (ahead.next(), ahead.next()) != (Some('\\'), Some('u')) {
            return high;
        }
        let after_high = std::mem::replace(&mut self.rest, ahead);
        let low = self.hex(4);
        if (0xDC00..0xE000).contains(&low) {
            return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        }
        self.rest = after_high;
        high
    }

    fn supplementary(&mut self) -> Option<u32> {
        for (text, code) in [("10FFFF", 0x10FFFF), ("10000", 0x10000)] {
            if self.rest.clone().take(text.len()).eq(text.chars()) {
                self.rest.nth(text.len() - 1);
                return Some(code);
            }
        }
        None
    }

    fn hex(&mut self, digits: usize) -> u32 {
        let mut value = 0;
        for _ in 0..digits {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(16)) else {
                break;
            };
            value = value * 16 + digit;
            self.rest.next();
        }
        value
    }
}

/// A character as a literal in and out of classes. A lone surrogate, which no UTF-8 text holds, becomes the nearest
/// character before or after the gap, so that it can still end a range.
fn literal(code: u32) -> String {
    match code {
        0xD800..0xDC00 => r"\x{D7FF}".into(),
        0xDC00..0xE000 => r"\x{E000}".into(),
        _ => match char::from_u32(code) {
            Some(c) if c.is_ascii_alphanumeric() => c.into(),
            _ => format!("\\x{{{code:X}}}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &'static str, text: &str) -> bool {
        let pattern = Pattern::new(pattern);
        pattern.check().expect("compiles");
        pattern.matches(text)
    }

    #[test]
    fn the_whole_text_must_match() {
        assert!(matches(r"[\w+=,.@-]+", "bob@example.com"));
        assert!(!matches(r"[\w+=,.@-]+", "bob builder"));
        assert!(!matches("a|b", "ab"));
        assert!(!matches("^a$", "a\n"));
    }

    #[test]
    fn word_digit_and_space_are_ascii() {
        assert!(!matches(r"\w+", "é"));
        assert!(!matches(r"[\d]+", "٣"));
        assert!(!matches(r"\s", "\u{a0}"));
        assert!(matches(r"[\s\S]", "\u{a0}"));
        assert!(matches(r"\S+", "é"));
    }

    #[test]
    fn a_dot_stops_at_line_terminators_unless_told_otherwise() {
        assert!(!matches(".*", "a\nb"));
        assert!(!matches(".*", "a\u{2028}b"));
        assert!(matches("(?s).*", "a\nb"));
    }

    #[test]
    fn a_dash_that_makes_no_range_is_itself() {
        assert!(matches(r"[\w-.]+", "a-b.c"));
        assert!(matches(r"[a-z-0-9]+", "a-9"));
        assert!(matches(r"[-a]+", "-a"));
        assert!(matches(r"[a-]+", "-a"));
        assert!(matches(r"[+-=]+", "+,5="));
    }

    #[test]
    fn characters_that_only_the_target_treats_as_special_are_literal_in_a_class() {
        assert!(matches(r"[~a~~b-]+", "~a-b"));
        assert!(matches(r"[@#&]+", "#&@"));
    }

    #[test]
    fn unicode_escapes_reach_beyond_the_basic_plane() {
        assert!(matches(
            r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*",
            "ok 😀"
        ));
        assert!(matches(
            r"[\u0020-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
            "ok 😀"
        ));
        assert!(!matches(r"[\u0020-\u00FF]+", "😀"));
        assert!(matches(
            r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)",
            "/team/"
        ));
    }

    #[test]
    fn look_around_is_understood() {
        assert!(!matches(r"(?!aws:)[a-zA-Z+-=._:/]+", "aws:x"));
        assert!(matches(r"(?!aws:)[a-zA-Z+-=._:/]+", "awx:x"));
        assert!(!matches(r"^[0-9A-Za-z\.\-_]*(?<!\.)$", "name."));
    }

    #[test]
    fn a_runaway_backtrack_ends_as_no_match() {
        let text = "a".repeat(4000) + "!";
        assert!(!matches(r"(?=a)(a|aa|(a+)\2)*+b", &text));
        assert!(!matches(r"(?!b)((a|a)*)*\1c", &text));
    }
}
