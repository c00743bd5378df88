//! A bounded JSON reader that remembers where everything stood.
//!
//! A policy author is told line and column of a mistake, and a key given twice is an error, not a silent
//! last-one-wins: two readers that disagree about which one counts are a way around a guardrail.

use std::collections::HashSet;
use std::fmt;

/// Deepest nesting of arrays and objects that is read; a policy needs six.
pub const DEPTH_MAX: usize = 64;

/// A place in a text, both counted from 1; columns count Unicode scalar values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A JSON value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value begins.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// The kinds of JSON value. Numbers keep the text they were written in.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, members in the order written; names are unique.
    Object(Vec<Member>),
}

impl Value {
    /// What to call this kind of value in an error message.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Where the name begins.
    pub at: Position,
    /// The name, unescaped.
    pub name: String,
    /// The value.
    pub node: Node,
}

/// Why a text is not the JSON we read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Where.
    pub at: Position,
    /// What.
    pub kind: JsonErrorKind,
}

/// The ways a text fails to be JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// Not JSON at all; says what was expected.
    Syntax(&'static str),
    /// The object already has a member of this name.
    DuplicateKey(String),
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JsonErrorKind::Syntax(expected) => write!(f, "not valid JSON: {expected}"),
            JsonErrorKind::DuplicateKey(name) => write!(f, "the key {name:?} appears twice"),
            JsonErrorKind::TooDeep => write!(f, "nested deeper than {DEPTH_MAX} levels"),
        }
    }
}

/// Reads one JSON value that makes up the whole text. Time and memory are linear in the text, nesting is
/// bounded by [`DEPTH_MAX`]; the caller bounds the size.
pub fn parse(text: &str) -> Result<Node, JsonError> {
    let mut reader = Reader {
        text,
        offset: 0,
        line: 1,
        column: 1,
    };
    reader.skip_space();
    let node = reader.value(0)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.syntax("nothing may follow the document")),
    }
}

struct Reader<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
    column: u32,
}

impl Reader<'_> {
    fn position(&self) -> Position {
        Position {
            line: self.line,
            column: self.column,
        }
    }

    fn peek(&self) -> Option<char> {
        self.text
            .get(self.offset..)
            .and_then(|rest| rest.chars().next())
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.offset += c.len_utf8();
        if c == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(c)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn syntax(&self, expected: &'static str) -> JsonError {
        JsonError {
            at: self.position(),
            kind: JsonErrorKind::Syntax(expected),
        }
    }

    fn expect(&mut self, wanted: char, expected: &'static str) -> Result<(), JsonError> {
        if self.peek() == Some(wanted) {
            self.next();
            Ok(())
        } else {
            Err(self.syntax(expected))
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonError> {
        let at = self.position();
        if depth > DEPTH_MAX {
            return Err(JsonError {
                at,
                kind: JsonErrorKind::TooDeep,
            });
        }
        let value = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => Value::String(self.string()?),
            Some('-' | '0'..='9') => Value::Number(self.number()?),
            Some('t') => self.word("true", Value::Bool(true))?,
            Some('f') => self.word("false", Value::Bool(false))?,
            Some('n') => self.word("null", Value::Null)?,
            _ => return Err(self.syntax("a value was expected")),
        };
        Ok(Node { at, value })
    }

    fn word(&mut self, word: &'static str, value: Value) -> Result<Value, JsonError> {
        for wanted in word.chars() {
            self.expect(wanted, "a value was expected")?;
        }
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.next();
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(']') {
            self.next();
            return Ok(Value::Array(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth + 1)?);
            self.skip_space();
            match self.peek() {
                Some(',') => self.next(),
                Some(']') => {
                    self.next();
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.syntax("a comma or the end of the array was expected")),
            };
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.next();
        let mut members: Vec<Member> = Vec::new();
        let mut names: HashSet<String> = HashSet::new();
        self.skip_space();
        if self.peek() == Some('}') {
            self.next();
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            let at = self.position();
            if self.peek() != Some('"') {
                return Err(self.syntax("a key in double quotes was expected"));
            }
            let name = self.string()?;
            if !names.insert(name.clone()) {
                return Err(JsonError {
                    at,
                    kind: JsonErrorKind::DuplicateKey(name),
                });
            }
            self.skip_space();
            self.expect(':', "a colon was expected after the key")?;
            self.skip_space();
            let node = self.value(depth + 1)?;
            members.push(Member { at, name, node });
            self.skip_space();
            match self.peek() {
                Some(',') => self.next(),
                Some('}') => {
                    self.next();
                    return Ok(Value::Object(members));
                }
                _ => return Err(self.syntax("a comma or the end of the object was expected")),
            };
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.next();
        let mut out = String::new();
        loop {
            let at = self.position();
            match self.next() {
                Some('"') => return Ok(out),
                Some('\\') => out.push(self.escape(at)?),
                Some(c) if c < ' ' => {
                    let kind =
                        JsonErrorKind::Syntax("a control character in a string must be escaped");
                    return Err(JsonError { at, kind });
                }
                Some(c) => out.push(c),
                None => return Err(self.syntax("the string is not closed")),
            }
        }
    }

    fn escape(&mut self, at: Position) -> Result<char, JsonError> {
        let bad = |expected| JsonError {
            at,
            kind: JsonErrorKind::Syntax(expected),
        };
        let plain = match self.next() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(at),
            _ => return Err(bad("unknown escape in a string")),
        };
        Ok(plain)
    }

    fn unicode(&mut self, at: Position) -> Result<char, JsonError> {
        let bad = JsonError {
            at,
            kind: JsonErrorKind::Syntax("a \\u escape names no character"),
        };
        let first = self.hex4()?;
        let code = if (0xD800..0xDC00).contains(&first) {
            if self.next() != Some('\\') || self.next() != Some('u') {
                return Err(bad);
            }
            let second = self.hex4()?;
            if !(0xDC00..0xE000).contains(&second) {
                return Err(bad);
            }
            0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        char::from_u32(code).ok_or(bad)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|c| c.to_digit(16));
            let digit =
                digit.ok_or_else(|| self.syntax("four hexadecimal digits were expected"))?;
            self.next();
            code = code * 16 + digit;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<String, JsonError> {
        let start = self.offset;
        if self.peek() == Some('-') {
            self.next();
        }
        if self.peek() == Some('0') {
            self.next();
        } else {
            self.digits()?;
        }
        if self.peek() == Some('.') {
            self.next();
            self.digits()?;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.next();
            if matches!(self.peek(), Some('+' | '-')) {
                self.next();
            }
            self.digits()?;
        }
        Ok(self
            .text
            .get(start..self.offset)
            .unwrap_or_default()
            .to_owned())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some('0'..='9')) {
            return Err(self.syntax("a digit was expected"));
        }
        while matches!(self.peek(), Some('0'..='9')) {
            self.next();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> (u32, u32, JsonErrorKind) {
        let error = parse(text).unwrap_err();
        (error.at.line, error.at.column, error.kind)
    }

    #[test]
    fn reads_every_kind_of_value() {
        let node =
            parse(r#" {"a":[1,-0.5e+3,"x\u00e9\ud83d\ude00\n",true,false,null,{}]} "#).unwrap();
        let Value::Object(members) = node.value else {
            panic!("not an object")
        };
        let Value::Array(items) = &members[0].node.value else {
            panic!("not an array")
        };
        assert_eq!(items[1].value, Value::Number("-0.5e+3".into()));
        assert_eq!(items[2].value, Value::String("xé😀\n".into()));
        assert_eq!(items.len(), 7);
    }

    #[test]
    fn says_where_a_mistake_is() {
        assert_eq!(fails("{\n  \"é\": 1,\n  \"b\" 2}").0, 3);
        assert_eq!(fails("{\n  \"é\": 1,\n  \"b\" 2}").1, 7);
        assert_eq!(fails("[1,]").1, 4);
        assert_eq!(fails("{} x").1, 4);
        assert_eq!(fails("").1, 1);
    }

    #[test]
    fn refuses_a_key_given_twice_even_when_spelled_with_an_escape() {
        let (_, column, kind) = fails(r#"{"a":1,"\u0061":2}"#);
        assert_eq!((column, kind), (8, JsonErrorKind::DuplicateKey("a".into())));
    }

    #[test]
    fn refuses_what_is_almost_json() {
        for text in [
            "01",
            "1.",
            "-",
            "+1",
            "'a'",
            "{a:1}",
            "\"\u{1}\"",
            r#""\x""#,
            r#""\ud800""#,
            "nul",
            "[1 2]",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(parse(&deep(DEPTH_MAX)).is_ok());
        assert_eq!(fails(&deep(100_000)).2, JsonErrorKind::TooDeep);
    }
}
