//! SQL tokens, as the union of the dialects reads them.

use super::words::{Word, word};
use crate::bytes::{at, is_space, is_word};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum T {
    End,
    Number,
    /// A string; `open` when the value ends before its quote.
    Str {
        open: bool,
    },
    Word(Word),
    /// `@name` or `@@name`.
    Variable {
        system: bool,
    },
    /// `= <> < LIKE …` are comparisons; this one is written in signs.
    Compare,
    /// `==`, a comparison in one dialect only, and in most programming languages.
    DoubleEqual,
    Arithmetic,
    /// `||`: concatenation or a logical or.
    Pipes,
    /// `&&`.
    Ampersands,
    /// `!`.
    Bang,
    Open,
    Close,
    Comma,
    Semicolon,
    Dot,
    Star,
    /// `::`, a cast.
    Cast,
    /// `:=`.
    Assign,
    Brace,
    /// A comment that runs to the end of the value; `mark` is `-`, `#` or `*`.
    Comment {
        mark: u8,
    },
    Other,
}

/// A token and its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: T,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A cursor over a value; copying it is looking ahead.
#[derive(Clone, Copy)]
pub(super) struct Lexer<'a> {
    pub(super) text: &'a [u8],
    pub(super) place: usize,
    /// A comment within the statement was skipped.
    pub(super) inline_comment: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8], place: usize) -> Self {
        Self {
            text,
            place,
            inline_comment: false,
        }
    }

    fn at(&self, ahead: usize) -> u8 {
        at(self.text, self.place + ahead)
    }

    pub(super) fn next(&mut self) -> Token {
        if let Some(comment) = self.skip_blanks() {
            return comment;
        }
        let start = self.place;
        let Some(&first) = self.text.get(start) else {
            return Token {
                kind: T::End,
                start,
                end: start,
            };
        };
        let kind = match first {
            b'0'..=b'9' => self.number(),
            b'.' if self.at(1).is_ascii_digit() => self.number(),
            b'\'' | b'"' => self.string(first),
            b'`' => self.quoted_name(b'`'),
            b'[' if self.at(1).is_ascii_alphabetic() => self.quoted_name(b']'),
            b'@' if is_word(self.at(1)) && self.at(1) != b'_'
                || matches!(self.at(1), b'@' | b'`' | b'\'' | b'"' | b':' | b'#') =>
            {
                self.variable()
            }
            b'$' if self.at(1) == b'$' => self.take(2, T::Other),
            _ if is_word(first) => self.word(),
            b'=' if self.at(1) == b'=' => self.take(2, T::DoubleEqual),
            b'=' => self.take(1, T::Compare),
            b'>' | b'<' if self.at(1) == first => self.take(2, T::Arithmetic),
            b'<' => self.less(),
            b'>' if self.at(1) == b'=' => self.take(2, T::Compare),
            b'>' => self.take(1, T::Compare),
            b'!' if matches!(self.at(1), b'=' | b'<' | b'>') => self.take(2, T::Compare),
            b'^' if self.at(1) == b'=' => self.take(2, T::Compare),
            b'!' => self.take(1, T::Bang),
            b'|' if self.at(1) == b'|' => self.take(2, T::Pipes),
            b'&' if self.at(1) == b'&' => self.take(2, T::Ampersands),
            b':' if self.at(1) == b':' => self.take(2, T::Cast),
            b':' if self.at(1) == b'=' => self.take(2, T::Assign),
            b'+' | b'-' | b'/' | b'%' | b'^' | b'|' | b'&' | b'~' => self.take(1, T::Arithmetic),
            b'*' => self.take(1, T::Star),
            b'(' => self.take(1, T::Open),
            b')' => self.take(1, T::Close),
            b',' => self.take(1, T::Comma),
            b';' => self.take(1, T::Semicolon),
            b'.' => self.take(1, T::Dot),
            b'{' | b'}' => self.take(1, T::Brace),
            _ => self.take(1, T::Other),
        };
        Token {
            kind,
            start,
            end: self.place,
        }
    }

    fn take(&mut self, bytes: usize, kind: T) -> T {
        self.place = (self.place + bytes).min(self.text.len());
        kind
    }

    fn less(&mut self) -> T {
        let bytes = match (self.at(1), self.at(2)) {
            (b'=', b'>') => 3,
            (b'=' | b'>', _) => 2,
            _ => 1,
        };
        self.take(bytes, T::Compare)
    }

    /// Skips white space and comments; a comment that swallows the rest is a token of its own.
    fn skip_blanks(&mut self) -> Option<Token> {
        loop {
            let start = self.place;
            let &first = self.text.get(start)?;
            match first {
                _ if is_space(first) => self.place += 1,
                // A no-break space, alone or as UTF-8 writes it: white space to MySQL.
                0xa0 => self.place += 1,
                0xc2 if self.at(1) == 0xa0 => self.place += 2,
                b'/' if self.at(1) == b'*' && self.at(2) == b'!' => {
                    // What MySQL runs although it looks like a comment: only its brackets are skipped.
                    self.place += 3;
                    while self.at(0).is_ascii_digit() {
                        self.place += 1;
                    }
                    self.inline_comment = true;
                }
                b'/' if self.at(1) == b'*' => {
                    let inside = start + 2;
                    match self
                        .text
                        .get(inside..)?
                        .windows(2)
                        .position(|pair| pair == b"*/")
                    {
                        Some(length) => {
                            self.place = inside + length + 2;
                            self.inline_comment = true;
                        }
                        None => {
                            self.place = self.text.len();
                            return Some(Token {
                                kind: T::Comment { mark: b'*' },
                                start,
                                end: self.place,
                            });
                        }
                    }
                }
                b'*' if self.at(1) == b'/' => self.place += 2,
                b'#' => match self.line_comment(first) {
                    Some(comment) => return Some(comment),
                    None => continue,
                },
                b'-' if self.at(1) == b'-' => match self.line_comment(first) {
                    Some(comment) => return Some(comment),
                    None => continue,
                },
                _ => return None,
            }
        }
    }

    /// Skips to the next line; the comment is a token when there is none.
    fn line_comment(&mut self, mark: u8) -> Option<Token> {
        let start = self.place;
        match self.text.get(start..)?.iter().position(|&b| b == b'\n') {
            Some(length)
                if self
                    .text
                    .get(start + length + 1..)
                    .is_some_and(|rest| !rest.is_empty()) =>
            {
                self.place = start + length + 1;
                self.inline_comment = true;
                None
            }
            _ => {
                self.place = self.text.len();
                Some(Token {
                    kind: T::Comment { mark },
                    start,
                    end: self.place,
                })
            }
        }
    }

    /// Whether a byte of a word stands here; a no-break space ends one.
    fn in_word(&self) -> bool {
        is_word(self.at(0)) && !(self.at(0) == 0xc2 && self.at(1) == 0xa0)
    }

    fn number(&mut self) -> T {
        if self.at(0) == b'0' && matches!(self.at(1), b'x' | b'X') && self.at(2).is_ascii_hexdigit()
        {
            self.place += 2;
            while self.at(0).is_ascii_hexdigit() {
                self.place += 1;
            }
            return T::Number;
        }
        let start = self.place;
        while self.at(0).is_ascii_digit() || (self.at(0) == b'.' && self.at(1) != b'.') {
            self.place += 1;
        }
        if matches!(self.at(0), b'e' | b'E') {
            let sign = usize::from(matches!(self.at(1), b'+' | b'-'));
            if self.at(1 + sign).is_ascii_digit() {
                self.place += 1 + sign;
                while self.at(0).is_ascii_digit() {
                    self.place += 1;
                }
            }
        }
        let digits_end = self.place;
        if !self.in_word() {
            return T::Number;
        }
        // `1or 1=1` is a number and a word to several databases, `7abc` a name to most.
        while self.in_word() {
            self.place += 1;
        }
        let after = word(&self.text[digits_end..self.place]);
        if after.joins() {
            self.place = digits_end;
            return T::Number;
        }
        debug_assert!(start < self.place);
        T::Word(Word::Name)
    }

    fn string(&mut self, quote: u8) -> T {
        self.place += 1;
        while let Some(&byte) = self.text.get(self.place) {
            self.place += 1;
            if byte == b'\\' {
                self.place = (self.place + 1).min(self.text.len());
            } else if byte == quote {
                if self.at(0) != quote {
                    return T::Str { open: false };
                }
                self.place += 1;
            }
        }
        T::Str { open: true }
    }

    fn quoted_name(&mut self, close: u8) -> T {
        match self
            .text
            .get(self.place + 1..)
            .and_then(|rest| rest.iter().position(|&b| b == close))
        {
            Some(length) => self.take(length + 2, T::Word(Word::Quoted)),
            None => self.take(self.text.len(), T::Str { open: true }),
        }
    }

    fn variable(&mut self) -> T {
        self.place += 1;
        let system = self.at(0) == b'@';
        if system {
            self.place += 1;
        }
        if matches!(self.at(0), b'`' | b'\'' | b'"') {
            let quote = self.at(0);
            self.string(quote);
        }
        while is_word(self.at(0)) || matches!(self.at(0), b'.' | b'$') {
            self.place += 1;
        }
        T::Variable { system }
    }

    fn word(&mut self) -> T {
        let start = self.place;
        while self.in_word() || self.at(0) == b'$' {
            self.place += 1;
        }
        if self.place == start {
            return self.take(1, T::Other);
        }
        let name = &self.text[start..self.place];
        // Prefixes of string literals: N'…', x'…', b'…', E'…', _utf8'…'.
        if self.at(0) == b'\''
            && (name.len() == 1 && b"nNxXbBeE".contains(&name[0]) || name[0] == b'_')
        {
            return self.string(b'\'');
        }
        T::Word(word(name))
    }
}
