//! Regular expressions in linear time: PCRE's syntax as far as AWS WAF supports it, turned into the `regex` crate's.
//!
//! The constructs that AWS documents as unsupported (developer guide, "Supported regular expression syntax in AWS WAF") are refused,
//! and with them look-around, which no engine without backtracking has. What PCRE reads differently is written anew: `$` also
//! stands before a newline at the end, `\h`, `\R`-less white space, `\Q…\E`, octal numbers, comments.

use regex::bytes::{RegexBuilder, RegexSetBuilder};

/// Characters of a pattern, at most. AWS's quota says 200, its model 512: the model's is a bound of the API.
pub const PATTERN_MAX: usize = 512;
/// Bytes of one compiled pattern, at most.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Bytes of the states that one pattern keeps while it works, at most.
const CACHE_BYTES_MAX: usize = 256 << 10;
/// Bytes of all patterns of an ACL compiled, at most.
const ALL_BYTES_MAX: usize = 64 << 20;
/// Groups within groups, at most.
const NESTING_MAX: u32 = 100;

/// A pattern, ready to be compiled alone or with others.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The pattern in the `regex` crate's syntax.
    pub source: String,
    /// Whether it is read as Unicode: only where bytes cannot say it.
    pub unicode: bool,
}

impl Pattern {
    /// Reads PCRE's syntax.
    ///
    /// # Errors
    /// What is not supported or wrong in the pattern.
    pub fn parse(written: &str) -> Result<Pattern, String> {
        let mut translation = Translation {
            rest: written,
            out: String::with_capacity(written.len() + 8),
        };
        translation.run()?;
        let source = translation.out;
        let compiles = |unicode| builder(&source, unicode).build();
        match compiles(false) {
            Ok(_) => Ok(Pattern {
                source,
                unicode: false,
            }),
            Err(_) => match compiles(true) {
                Ok(_) => Ok(Pattern {
                    source,
                    unicode: true,
                }),
                Err(regex::Error::CompiledTooBig(_)) => {
                    Err("The pattern is too large when compiled.".to_owned())
                }
                Err(_) => Err("The regular expression is not valid.".to_owned()),
            },
        }
    }

    /// The pattern with its reading, to stand in a set.
    pub(crate) fn scoped(&self) -> String {
        let flags = if self.unicode { "(?u:" } else { "(?-u:" };
        format!("{flags}{})", self.source)
    }

    /// The pattern compiled alone.
    pub fn compile(&self) -> Result<regex::bytes::Regex, regex::Error> {
        builder(&self.source, self.unicode).build()
    }
}

/// Checks that the patterns are not too large together.
///
/// # Errors
/// Where they are.
pub(crate) fn check_size<'p>(patterns: impl Iterator<Item = &'p Pattern>) -> Result<(), String> {
    let scoped = patterns.map(Pattern::scoped);
    let together = RegexSetBuilder::new(scoped)
        .unicode(false)
        .size_limit(ALL_BYTES_MAX)
        .build();
    together
        .map(|_| ())
        .map_err(|_| "The regular expressions of the web ACL are too large together.".to_owned())
}

fn builder(source: &str, unicode: bool) -> RegexBuilder {
    let mut builder = RegexBuilder::new(source);
    builder
        .unicode(unicode)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(CACHE_BYTES_MAX)
        .nest_limit(NESTING_MAX);
    builder
}

struct Translation<'p> {
    rest: &'p str,
    out: String,
}

impl Translation<'_> {
    fn run(&mut self) -> Result<(), String> {
        // `(?m)` makes `$` the end of every line, in the rest of its group; whoever uses it means just that.
        let multi_line = has_flag(self.rest, 'm');
        while let Some(character) = self.next() {
            match character {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' => self.group()?,
                '$' if !multi_line => self.out.push_str(r"(?:\n?\z)"),
                '*' | '+' | '?' => self.quantified(character)?,
                '}' => self.quantified('}')?,
                '{' if !is_repetition(self.rest) => self.out.push_str(r"\{"),
                _ => self.out.push(character),
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next();
        self.rest = characters.as_str();
        character
    }

    fn quantified(&mut self, character: char) -> Result<(), String> {
        let closes = character != '}'
            || self
                .out
                .rfind('{')
                .is_some_and(|at| is_repetition_body(&self.out[at + 1..]));
        if !closes {
            self.out.push_str(r"\}");
            return Ok(());
        }
        self.out.push(character);
        match self.rest.chars().next() {
            Some('+') => Err("Possessive quantifiers are not supported.".to_owned()),
            Some('?') if character != '?' || !self.out.ends_with("(?") => {
                self.next();
                self.out.push('?');
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.rest.starts_with('*') {
            return Err("Backtracking control verbs are not supported.".to_owned());
        }
        let Some(after) = self.rest.strip_prefix('?') else {
            return Ok(());
        };
        let refused = [
            ("=", "Look-around is not supported."),
            ("!", "Look-around is not supported."),
            ("<=", "Look-around is not supported."),
            ("<!", "Look-around is not supported."),
            (">", "Atomic groups are not supported."),
            ("|", "Branch reset is not supported."),
            ("(", "Conditional patterns are not supported."),
            ("C", "Callouts are not supported."),
            ("{", "Embedded code is not supported."),
            ("R", "Recursive patterns are not supported."),
            ("&", "Subroutine references are not supported."),
            ("P>", "Subroutine references are not supported."),
            ("P=", "Backreferences are not supported."),
        ];
        if let Some((_, reason)) = refused.iter().find(|(start, _)| after.starts_with(start)) {
            return Err((*reason).to_owned());
        }
        if after.starts_with(|first: char| first.is_ascii_digit()) || signed_digit(after) {
            return Err("Subroutine references are not supported.".to_owned());
        }
        if let Some(comment) = after.strip_prefix('#') {
            self.out.pop();
            let end = comment.find(')').ok_or("A comment has no end.")?;
            self.rest = &comment[end + 1..];
            return Ok(());
        }
        if let Some(named) = after.strip_prefix('\'') {
            let (name, rest) = named.split_once('\'').ok_or("A group's name has no end.")?;
            self.out.push_str("?<");
            self.out.push_str(name);
            self.out.push('>');
            self.rest = rest;
            return Ok(());
        }
        // Flags, a name or `?:` are the same in both; the `?` is no quantifier.
        self.out.push('?');
        self.rest = after;
        Ok(())
    }

    /// A class, whose escapes and names are both libraries'.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.starts_with('^') {
            self.next();
            self.out.push('^');
        }
        let mut first = true;
        while let Some(character) = self.next() {
            match character {
                ']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escape(true)?,
                '[' if self.rest.starts_with(':') => {
                    let end = self.rest.find(":]").ok_or("A class has no end.")?;
                    self.out.push('[');
                    self.out.push_str(&self.rest[..end + 2]);
                    self.rest = &self.rest[end + 2..];
                }
                // What only the `regex` crate reads as something else.
                '[' | ']' | '&' | '~' => {
                    self.out.push('\\');
                    self.out.push(character);
                }
                '-' if self.rest.starts_with('-') || self.out.ends_with('-') => {
                    self.out.push_str(r"\-")
                }
                _ => self.out.push(character),
            }
            first = false;
        }
        Err("A class has no end.".to_owned())
    }

    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let character = self.next().ok_or("A backslash stands at the end.")?;
        let refused = |what: &str| Err(format!("{what} not supported."));
        match character {
            '1'..='9' if !in_class && !self.is_octal(character) => {
                return refused("Backreferences are");
            }
            'g' | 'k' if !in_class => return refused("Backreferences are"),
            'C' => return refused("The single-byte directive \\C is"),
            'R' if !in_class => return refused("The newline directive \\R is"),
            'K' => return refused("The reset directive \\K is"),
            'X' | 'G' | 'p' | 'P' | 'N' => return refused(&format!("\\{character} is")),
            'Z' => self.out.push_str(r"(?:\n?\z)"),
            'h' => self
                .out
                .push_str(if in_class { r" \t\xA0" } else { r"[ \t\xA0]" }),
            'H' if !in_class => self.out.push_str(r"[^ \t\xA0]"),
            'H' | 'V' => return refused(&format!("\\{character} in a class is")),
            'v' => self.out.push_str(if in_class {
                r"\n\x0B\x0C\r\x85"
            } else {
                r"[\n\x0B\x0C\r\x85]"
            }),
            'e' => self.out.push_str(r"\x1B"),
            'b' if in_class => self.out.push_str(r"\x08"),
            'Q' => self.quoted(),
            'E' => {}
            'c' => {
                let control = self.next().ok_or("A backslash stands at the end.")?;
                let code = (control.to_ascii_uppercase() as u32 & 0x7F) ^ 0x40;
                self.push_byte(code);
            }
            '0'..='7' => self.octal(character),
            'x' => self.hexadecimal()?,
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B' | 'A' | 'z' | 'a' | 'f' | 'n' | 'r'
            | 't' => {
                self.out.push('\\');
                self.out.push(character);
            }
            other if other.is_ascii_alphabetic() => return refused(&format!("\\{other} is")),
            other => self.literal(other),
        }
        Ok(())
    }

    fn literal(&mut self, character: char) {
        if character.is_ascii_punctuation() {
            self.out.push('\\');
        }
        self.out.push(character);
    }

    fn quoted(&mut self) {
        let (inside, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        for character in inside.chars() {
            self.literal(character);
        }
        self.rest = rest;
    }

    /// Whether the digits after a backslash are three octal ones; else they are a reference.
    fn is_octal(&self, first: char) -> bool {
        let digits = self
            .rest
            .bytes()
            .take(2)
            .filter(|byte| (b'0'..=b'7').contains(byte))
            .count();
        first < '8' && digits == 2
    }

    fn octal(&mut self, first: char) {
        let mut code = first as u32 - '0' as u32;
        for _ in 0..2 {
            let Some(digit @ '0'..='7') = self.rest.chars().next() else {
                break;
            };
            self.next();
            code = code << 3 | (digit as u32 - '0' as u32);
        }
        self.push_byte(code & 0xFF);
    }

    fn hexadecimal(&mut self) -> Result<(), String> {
        let digits = match self.rest.strip_prefix('{') {
            Some(inside) => {
                let (digits, rest) = inside.split_once('}').ok_or("A number has no end.")?;
                self.rest = rest;
                digits
            }
            None => {
                let length = self
                    .rest
                    .bytes()
                    .take(2)
                    .take_while(u8::is_ascii_hexdigit)
                    .count();
                let (digits, rest) = self.rest.split_at(length);
                self.rest = rest;
                digits
            }
        };
        let code = if digits.is_empty() {
            Ok(0)
        } else {
            u32::from_str_radix(digits, 16)
        };
        match code {
            Ok(code) if code <= 0xFF => self.push_byte(code),
            _ => return Err("A number after \\x is at most FF.".to_owned()),
        }
        Ok(())
    }

    fn push_byte(&mut self, code: u32) {
        self.out.push_str(&format!(r"\x{code:02X}"));
    }
}

/// Whether `{…}` at the start of `rest` (after the brace) counts repetitions; else the brace is a character.
fn is_repetition(rest: &str) -> bool {
    rest.split_once('}')
        .is_some_and(|(inside, _)| is_repetition_body(inside))
}

fn is_repetition_body(inside: &str) -> bool {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match inside.split_once(',') {
        Some((least, most)) => !least.is_empty() && number(least) && number(most),
        None => !inside.is_empty() && number(inside),
    }
}

fn signed_digit(after: &str) -> bool {
    let rest = after.strip_prefix(['+', '-']);
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether some `(?flags)` or `(?flags:` holds the flag.
fn has_flag(pattern: &str, flag: char) -> bool {
    pattern.match_indices("(?").any(|(at, _)| {
        let flags = pattern[at + 2..].split([')', ':']).next().unwrap_or("");
        let on = flags.split('-').next().unwrap_or("");
        flags
            .chars()
            .all(|character| character.is_ascii_alphabetic() || character == '-')
            && on.contains(flag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &[u8]) -> bool {
        Pattern::parse(pattern)
            .unwrap_or_else(|error| panic!("{pattern}: {error}"))
            .compile()
            .unwrap()
            .is_match(text)
    }

    #[test]
    fn what_aws_documents_as_unsupported_is_refused() {
        for pattern in [
            r"(a)\1",
            r"(?<n>a)\k<n>",
            r"(?P<n>a)(?P=n)",
            r"\g{1}",
            "(?R)",
            "(?1)",
            "(?&n)",
            "(?P>n)",
            "(?+1)",
            "(?(1)a|b)",
            "(*ACCEPT)a",
            r"\C",
            r"\R",
            r"a\Kb",
            "(?C1)a",
            "(?{1})",
            "(?>a)",
            "a++",
            "a*+",
            "a?+",
            "a{2}+",
            "a(?=b)",
            "a(?!b)",
            "(?<=a)b",
            "(?<!a)b",
            "(?|a|b)",
            "(",
            "a)",
            "[a",
            r"\",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_pcre_reads_differently_is_read_as_pcre_does() {
        assert!(matches("a$", b"a\n") && matches("a$", b"a") && !matches("a$", b"a\nb"));
        assert!(matches("(?m)a$", b"a\nb"));
        assert!(matches(r"^a\h+b\z", b"a \tb"));
        assert!(matches(r"\Qa.b*\E$", b"a.b*") && !matches(r"\Qa.b\E", b"axb"));
        assert!(matches(r"[[\]]x", b"[x") && matches(r"[a&&b]x", b"&x") && matches("[]a]x", b"]x"));
        assert!(
            matches("a{,2}b", b"a{,2}b") && matches("a{b}", b"a{b}") && matches("^a{2,3}$", b"aaa")
        );
        assert!(matches(r"\/\-\_\@\!", b"/-_@!") && matches(r"[\w\-\.]+@", b"a-b.c@"));
        assert!(matches(r"\x41\101\cA\e", b"AA\x01\x1B"));
        assert!(matches("a(?#comment)b", b"ab"));
        assert!(matches(r"\xff", b"\xff") && matches(".", b"\xff") && !matches(".", b"\n"));
        assert!(matches("(?i)select", b"SeLeCt") && matches("[é]", "é".as_bytes()));
        assert!(matches("a??b", b"b") && matches("(?:a|b)+?c", b"abc"));
    }

    #[test]
    fn what_would_be_large_is_refused() {
        assert!(Pattern::parse("(?:a{1000}){1000}").is_err());
        assert!(Pattern::parse(&"(".repeat(500)).is_err());
    }
}
