//! SQL injection, by tokens and grammar.
//!
//! A value is read as if it stood in a statement: bare, or inside a literal that its own quote ends. From the place
//! where it can leave the literal the grammar reads on ([`parse`]) and notes what it saw; [`judge`] decides whether
//! that is an attack. Words alone never are.

mod clause;
mod compare;
mod facts;
mod fragment;
mod judge;
mod lex;
mod list;
mod parse;
mod statement;
mod words;

use crate::bytes::{Profile, find, is_word};
use crate::finding::{Finding, Kind, Sensitivity};
use facts::Facts;
use judge::{Context, Prefix, judge};
use lex::T;
use parse::Parser;
use words::Word;

/// How far a candidate in the middle of a value is read.
const WINDOW_BYTES: usize = 256;
/// How many tokens of a candidate in the middle of a value are read, at most.
const WINDOW_TOKENS: u32 = 48;
/// The same once a value has had many candidates: no text has so many that all of them lead far.
const WINDOW_TOKENS_MANY: u32 = 12;
/// How many candidates are many.
const CANDIDATES_MANY: usize = 64;

/// SQL that ends, changes or extends the statement this value is put in.
///
/// Time is linear in the value; nothing is allocated.
pub fn sql(value: &[u8], sensitivity: Sensitivity) -> Option<Finding> {
    scan(value, Profile::of(value), sensitivity)
}

/// The same, for a value whose profile is known.
pub(crate) fn scan(value: &[u8], profile: Profile, sensitivity: Sensitivity) -> Option<Finding> {
    let signs =
        Profile::QUOTE | Profile::PAREN | Profile::EQUALS | Profile::SEMICOLON | Profile::STAR;
    let others = Profile::ANGLE
        | Profile::PIPE
        | Profile::AMPERSAND
        | Profile::COMMA
        | Profile::HASH
        | Profile::AT;
    let spaced = Profile::SPACE | Profile::HIGH | Profile::PLUS | Profile::CARET | Profile::PERCENT;
    if !profile.any(signs | others | spaced | Profile::UNDERSCORE) || value.len() < 4 {
        return None;
    }
    let found = |(start, end, reason)| Finding::new(Kind::Sql, start, end, reason);
    bare(value, sensitivity)
        .or_else(|| {
            if profile.any(Profile::QUOTE) {
                operator_alone(value).or_else(|| quotes(value, sensitivity))
            } else {
                None
            }
        })
        .or_else(|| {
            if profile.any(Profile::ALPHA) {
                anchors(value).or_else(|| fragment::fragment(value, profile))
            } else {
                None
            }
        })
        .map(found)
}

type Found = (usize, usize, &'static str);

/// The value stands where a number or an expression stands.
fn bare(value: &[u8], sensitivity: Sensitivity) -> Option<Found> {
    let mut parser = Parser::new(value, 0, true);
    let start = parser.token.start;
    let first = parser.token.kind;
    let prefix = match first {
        T::Number => Prefix::Number,
        T::Close => Prefix::Empty,
        T::Arithmetic if parser.peek() == T::Number => Prefix::Number,
        _ => Prefix::Words { spaces: false },
    };
    match first {
        T::Word(
            Word::Select
            | Word::Insert
            | Word::Update
            | Word::Delete
            | Word::Declare
            | Word::Exec
            | Word::Begin,
        ) => {
            let mut statement = Parser::new(value, 0, true);
            let grade = if first == T::Word(Word::Select) {
                statement.select() >= clause::Grade::Query
            } else {
                statement.statement()
            };
            if grade && judge::statement_alone(first, statement.facts) {
                return Some((start, statement.understood, "statement"));
            }
        }
        T::Word(
            Word::Or
            | Word::And
            | Word::Union
            | Word::Having
            | Word::Where
            | Word::Order
            | Word::Group,
        ) => {
            parser.tail(None, false);
            parser.ending();
            return judge(
                &parser,
                Context::Bare(Prefix::Words { spaces: true }),
                sensitivity,
            )
            .map(|why| (start, parser.understood, why));
        }
        _ => {}
    }
    if matches!(first, T::Close | T::Semicolon) {
        parser.tail(None, false);
    } else {
        parser.expression(false)?;
    }
    parser.ending();
    judge(&parser, Context::Bare(prefix), sensitivity).map(|why| (start, parser.understood, why))
}

/// A quote in the value ends the literal the value is put in.
fn quotes(value: &[u8], sensitivity: Sensitivity) -> Option<Found> {
    let mut seen = [false; 3];
    let mut candidates = 0;
    let mut simple = true;
    let (mut spaces, mut word) = (false, false);
    for (place, &byte) in value.iter().enumerate() {
        let kind = match byte {
            b'\'' => 0,
            b'"' => 1,
            b'`' => 2,
            _ => {
                spaces |= word && byte == b' ';
                word |= byte != b' ';
                simple &= byte.is_ascii_alphanumeric() || byte == b' ';
                continue;
            }
        };
        let first = !std::mem::replace(&mut seen[kind], true);
        let next = value.get(place + 1).copied().unwrap_or(b' ');
        // A letter right behind the quote starts no operator unless it is one of the few words that are.
        if is_word(next)
            && next != 0xc2
            && next != 0xa0
            && !matches!(
                next | 0x20,
                b'o' | b'a'
                    | b'x'
                    | b'u'
                    | b'i'
                    | b'l'
                    | b'r'
                    | b'h'
                    | b'w'
                    | b'g'
                    | b'd'
                    | b'b'
                    | b'n'
                    | b's'
                    | b'e'
            )
        {
            continue;
        }
        let end = if first {
            value.len()
        } else {
            value.len().min(place + WINDOW_BYTES)
        };
        // What can be told apart from code and text only by being short stands behind one plain word.
        let prefix = Prefix::Words {
            spaces: spaces || !simple || !word,
        };
        candidates += 1;
        let (context, tokens) = if first {
            (Context::FirstQuote(prefix), u32::MAX)
        } else {
            (Context::LaterQuote, tokens_for(candidates))
        };
        let parser = Parser::brief_reader(&value[..end], place + 1, end == value.len(), tokens);
        if let Some(found) = after_quote(parser, place, context, sensitivity) {
            return Some(found);
        }
    }
    None
}

/// Nothing but an operator between the two quotes of the host: `'='`, `' OR '`.
fn operator_alone(value: &[u8]) -> Option<Found> {
    let (&quote, rest) = value.split_first()?;
    let inside = rest.strip_suffix(&[quote])?;
    if !matches!(quote, b'\'' | b'"') || inside.is_empty() || inside.len() > 16 {
        return None;
    }
    let mut lexer = lex::Lexer::new(inside, 0);
    let joins = |kind| {
        matches!(
            kind,
            T::Compare | T::Pipes | T::Ampersands | T::Star | T::Arithmetic
        ) || matches!(
            kind,
            T::Word(
                Word::Or
                    | Word::And
                    | Word::Xor
                    | Word::Like
                    | Word::Div
                    | Word::Not
                    | Word::Sounds
            )
        )
    };
    let mut tokens = 0;
    loop {
        match lexer.next().kind {
            T::End => break,
            kind if joins(kind) => tokens += 1,
            _ => return None,
        }
    }
    // A dash, a slash or a plus between quotes is a separator in many a text.
    let sign = inside
        .iter()
        .any(|byte| !byte.is_ascii_alphabetic() && *byte != b' ');
    let plain = inside.iter().all(|byte| b" -+/|&%*".contains(byte))
        && inside.len() < 4
        && inside.contains(&b' ');
    (tokens > 0 && (sign || inside.starts_with(b" ")) && !plain).then_some((
        0,
        value.len(),
        "operator",
    ))
}

fn tokens_for(candidates: usize) -> u32 {
    if candidates > CANDIDATES_MANY {
        WINDOW_TOKENS_MANY
    } else {
        WINDOW_TOKENS
    }
}

/// Reads on behind the quote at `quote`.
fn after_quote(
    mut parser: Parser<'_>,
    quote: usize,
    context: Context,
    sensitivity: Sensitivity,
) -> Option<Found> {
    let mut closed = false;
    while parser.token.kind == T::Close {
        parser.bump();
        closed = true;
    }
    if closed {
        parser.note(Facts::CLOSED);
    }
    match parser.token.kind {
        T::Word(Word::Name | Word::Prose | Word::Object | Word::Type)
        | T::Number
        | T::End
        | T::Other
        | T::Dot => return None,
        T::Comma => {
            parser.bump();
            parser.operand()?;
            parser.note(Facts::COMMA);
            parser.tail(None, false);
        }
        T::Word(Word::Declare | Word::Exec | Word::Begin | Word::Goto | Word::Use) => {
            if parser.statement() {
                parser.note(Facts::STACKED);
            }
        }
        T::Open if parser.peek() != T::Word(Word::Select) => return None,
        T::Open => {
            if parser.operand().is_some() {
                parser.note(Facts::COMMA);
            }
            parser.tail(None, false);
        }
        _ => {
            parser.tail(None, false);
        }
    }
    parser.ending();
    judge(&parser, context, sensitivity).map(|why| (quote, parser.understood, why))
}

/// Structures that are attacks wherever they stand: their first words are looked for in the whole value.
fn anchors(value: &[u8]) -> Option<Found> {
    let mut place = 0;
    let mut candidates = 0;
    while place < value.len() {
        if !is_word(value[place]) {
            place += 1;
            continue;
        }
        let start = place;
        while place < value.len() && is_word(value[place]) {
            place += 1;
        }
        // `1e0union` and `.1union` are a number and the word to MySQL.
        let word = &value[start..place];
        let skipped = if word[0].is_ascii_digit() {
            find(word, 1, b"union")
                .filter(|&at| at + 5 == word.len())
                .unwrap_or(0)
        } else {
            0
        };
        if !(5..=13).contains(&(word.len() - skipped)) {
            continue;
        }
        let kind = words::word(&word[skipped..]);
        if !matches!(
            kind,
            Word::Union | Word::Waitfor | Word::Declare | Word::Dangerous | Word::Select
        ) {
            continue;
        }
        candidates += 1;
        let found = anchor(value, start + skipped, kind, tokens_for(candidates));
        if found.is_some() {
            return found;
        }
    }
    None
}

fn anchor(value: &[u8], start: usize, word: Word, tokens: u32) -> Option<Found> {
    let end = value.len().min(start + WINDOW_BYTES);
    let mut parser = Parser::brief_reader(&value[..end], start, end == value.len(), tokens);
    let reason = match word {
        Word::Union => {
            parser.union(parse::Class::Name);
            parser.facts.any(Facts::UNION).then_some("union-select")
        }
        Word::Waitfor => {
            parser.waitfor();
            parser.facts.any(Facts::EFFECT).then_some("waitfor-delay")
        }
        Word::Declare => {
            parser.bump();
            let variable = matches!(parser.token.kind, T::Variable { .. });
            parser.bump();
            (variable && matches!(parser.token.kind, T::Word(Word::Type))).then_some("declare")
        }
        Word::Select => {
            let telling = parser.select() == clause::Grade::Certain
                && parser
                    .facts
                    .any(Facts::CATALOGUE | Facts::DANGEROUS | Facts::ABOUT)
                && judge::opened_before(value, start);
            telling.then_some("select-catalogue")
        }
        _ => None,
    };
    reason.map(|why| (start, parser.understood, why))
}
