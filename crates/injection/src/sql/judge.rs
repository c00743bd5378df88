//! The decision: which facts, seen from which place, are an attack.

use super::facts::Facts;
use super::lex::T;
use super::parse::Parser;
use super::words::Word;
use crate::finding::Sensitivity;

/// What stands before the place where reading began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    Empty,
    Number,
    Words { spaces: bool },
}

/// Where the grammar began to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// At the start of the value.
    Bare(Prefix),
    /// Behind the first quote of its kind.
    FirstQuote(Prefix),
    /// Behind a later one.
    LaterQuote,
}

const JOINED: u32 = Facts::LOGIC
    | Facts::PIPES
    | Facts::ARITHMETIC
    | Facts::COMPARE
    | Facts::CLAUSE
    | Facts::COMMA
    | Facts::SORT;
const SPECIAL: u32 = Facts::FUNCTION | Facts::ABOUT | Facts::CATALOGUE | Facts::DANGEROUS;

/// The reason why what the parser saw is an attack, if it is one.
pub(super) fn judge(
    parser: &Parser<'_>,
    context: Context,
    sensitivity: Sensitivity,
) -> Option<&'static str> {
    let facts = parser.facts;
    if parser.odd
        && context != Context::LaterQuote
        && !facts.any(Facts::UNION | Facts::STACKED | Facts::DANGEROUS)
    {
        return None;
    }
    always(facts, context == Context::LaterQuote).or_else(|| match context {
        Context::Bare(prefix) => bare(
            facts,
            comment_body(parser).is_empty(),
            comment_body(parser).len() <= 16,
            prefix,
            sensitivity,
        ),
        Context::FirstQuote(prefix) => quoted(parser, facts, prefix, sensitivity),
        Context::LaterQuote => later(facts),
    })
}

/// What is an attack from any place.
fn always(facts: Facts, later: bool) -> Option<&'static str> {
    if facts.any(Facts::UNION) {
        Some("union-select")
    } else if facts.any(Facts::STACKED) {
        Some("stacked-statement")
    } else if facts.any(Facts::EFFECT) {
        Some("side-effect")
    } else if facts.any(JOINED & !Facts::COMPARE) && facts.any(Facts::DANGEROUS) {
        Some("dangerous-function")
    } else if facts.all(Facts::WORDY | Facts::DANGEROUS) {
        Some("dangerous-comparison")
    } else if facts.any(JOINED) && facts.any(Facts::SUBQUERY) {
        Some("subquery")
    } else if facts.any(Facts::LOGIC) && facts.any(Facts::COMPARE) && facts.any(Facts::ABOUT) {
        Some("server-comparison")
    } else if !later
        && facts.any(Facts::LOGIC | Facts::CLAUSE)
        && facts.any(Facts::FIRM)
        && !facts.any(Facts::PROGRAM)
    {
        Some("tautology")
    } else {
        None
    }
}

fn bare(
    facts: Facts,
    bare_comment: bool,
    short_comment: bool,
    prefix: Prefix,
    sensitivity: Sensitivity,
) -> Option<&'static str> {
    let numeric = matches!(prefix, Prefix::Number | Prefix::Empty);
    let ended = facts.any(Facts::COMMENT | Facts::CLEAN);
    let commented = facts.any(Facts::COMMENT) && short_comment;
    if facts.any(Facts::LOGIC | Facts::CLAUSE | Facts::PIPES)
        && facts.any(Facts::COMPARE)
        && facts.any(SPECIAL)
        && ended
    {
        return Some("function-comparison");
    }
    if numeric
        && facts.any(Facts::LOGIC | Facts::CLAUSE)
        && facts.any(Facts::COMPARE)
        && ended
        && !facts.any(Facts::PROGRAM)
    {
        return Some("condition");
    }
    if facts.any(Facts::SORT) && (commented || numeric && ended) {
        return Some("sort-clause");
    }
    if commented
        && facts.any(Facts::GROUP | Facts::CALL | SPECIAL)
        && facts.any(Facts::SUBQUERY | Facts::ABOUT | Facts::UNARY | Facts::LOGIC)
    {
        return Some("commented-expression");
    }
    if commented
        && facts.any(Facts::LOGIC)
        && facts.any(Facts::COMPARE | Facts::LOGIC_CONSTANT)
        && numeric
    {
        return Some("commented-condition");
    }
    if facts.any(Facts::SUBQUERY) && ended {
        return Some("subquery");
    }
    if facts.any(Facts::ABOUT) && facts.any(Facts::FUNCTION | Facts::COMPARE) && ended {
        return Some("server-function");
    }
    if facts.any(Facts::DANGEROUS)
        && facts.any(Facts::FUNCTION | Facts::CALL | Facts::SUBQUERY)
        && ended
    {
        return Some("dangerous-function");
    }
    if facts.any(Facts::PIPES)
        && ended
        && (facts.any(SPECIAL) || numeric && facts.any(Facts::CALL | Facts::WORDY))
    {
        return Some("concatenation");
    }
    if numeric && ended && facts.any(Facts::ARITHMETIC) && facts.any(Facts::FUNCTION) {
        return Some("function-arithmetic");
    }
    if ended
        && !facts.any(Facts::PROGRAM)
        && (facts.any(Facts::CASE)
            || facts.all(Facts::FUNCTION | Facts::FIRM)
            || facts.all(Facts::CLAUSE | Facts::LOGIC_CONSTANT)
            || facts.all(Facts::GROUP_FIRM | Facts::ARITHMETIC))
    {
        return Some("constant-expression");
    }
    if commented
        && bare_comment
        && facts.any(Facts::GROUP)
        && facts.any(Facts::CALL | Facts::ARITHMETIC | Facts::LOGIC)
    {
        return Some("commented-expression");
    }
    if sensitivity == Sensitivity::High {
        let weak = facts.any(Facts::LOGIC_CONSTANT) && numeric && ended
            || facts.any(Facts::DANGEROUS)
            || facts.any(Facts::LOGIC) && facts.any(Facts::COMPARE) && ended
            || commented && facts.any(JOINED | Facts::CLOSED | Facts::VARIABLE);
        return weak.then_some("weak-expression");
    }
    None
}

fn quoted(
    parser: &Parser<'_>,
    facts: Facts,
    prefix: Prefix,
    sensitivity: Sensitivity,
) -> Option<&'static str> {
    let spaces = matches!(prefix, Prefix::Words { spaces: true });
    let empty = prefix == Prefix::Empty;
    let closes = facts.any(Facts::OPEN | Facts::COMMENT);
    let ended = closes || facts.any(Facts::CLEAN);
    let program = facts.any(Facts::PROGRAM);
    if facts.any(Facts::LOGIC | Facts::CLAUSE) && facts.any(Facts::COMPARE) && ended && !program {
        return Some("condition");
    }
    let told = !spaces && !matches!(prefix, Prefix::Empty)
        || facts.any(Facts::LOGIC)
        || matches!(prefix, Prefix::Empty) && facts.any(Facts::PIPES | Facts::ARITHMETIC);
    if facts.any(JOINED) && facts.any(SPECIAL) && closes && told && !program {
        return Some("function");
    }
    if facts.any(Facts::SORT) && ended {
        return Some("sort-clause");
    }
    if facts.any(JOINED)
        && ended
        && (facts.any(Facts::CASE) || facts.all(Facts::FUNCTION | Facts::FIRM))
    {
        return Some("constant-expression");
    }
    if facts.any(Facts::LOGIC)
        && facts.any(Facts::LOGIC_CONSTANT)
        && closes
        && !program
        && constant_end(parser, spaces)
    {
        return Some("constant-condition");
    }
    if facts.any(JOINED)
        && facts.any(Facts::OPEN)
        && !spaces
        && facts.any(Facts::COMPARE | Facts::ARITHMETIC | Facts::PIPES)
        && !empty
        && tidy_end(parser)
        && !program
    {
        return Some("literal-expression");
    }
    if facts.any(Facts::COMMENT)
        && !facts.any(JOINED | Facts::GROUP)
        && comment_only(parser, spaces, empty)
    {
        return Some("comment");
    }
    if sensitivity == Sensitivity::High && closes && facts.any(JOINED | Facts::COMMENT) {
        return Some("weak-expression");
    }
    None
}

fn later(facts: Facts) -> Option<&'static str> {
    let ended = facts.any(Facts::COMMENT | Facts::OPEN);
    if facts.all(Facts::LOGIC | Facts::FIRM) && ended && !facts.any(Facts::PROGRAM) {
        return Some("tautology");
    }
    (facts.any(Facts::LOGIC) && facts.any(Facts::COMPARE) && facts.any(SPECIAL) && ended)
        .then_some("function-comparison")
}

/// The value ends in a comment, or in a string that holds no more than a number: `' or '1`.
fn constant_end(parser: &Parser<'_>, spaces: bool) -> bool {
    if parser.facts.any(Facts::COMMENT) {
        return true;
    }
    let tail = last_string(parser);
    !tail.is_empty() && tail.iter().all(u8::is_ascii_digit)
        || tail.is_empty() && !spaces && !parser.facts.any(Facts::GROUP)
}

/// The last string is what a closing quote of the host leaves: short and of one word.
fn tidy_end(parser: &Parser<'_>) -> bool {
    let tail = last_string(parser);
    // With nothing in it, only a comparison or a logical operator tells the value from a list of alternatives.
    let telling = !tail.is_empty() || parser.facts.any(Facts::FIRM | Facts::LOGIC);
    telling && tail.len() <= 16 && tail.iter().all(u8::is_ascii_alphanumeric)
}

fn last_string<'a>(parser: &Parser<'a>) -> &'a [u8] {
    let text = parser.lexer.text;
    let end = text
        .iter()
        .rposition(|&byte| matches!(byte, b'\'' | b'"' | b'`'))
        .map_or(text.len(), |place| place + 1);
    text.get(end..).unwrap_or_default()
}

/// What a comment that ends the value says.
fn comment_body<'a>(parser: &Parser<'a>) -> &'a [u8] {
    let marks = usize::from(!parser.text(parser.token).starts_with(b"#")) + 1;
    parser.text(parser.token).get(marks..).unwrap_or_default()
}

/// A comment right behind the quote: `admin'--`, `x')#`. In English a dash or a number sign may stand there too, so
/// nothing but a word may follow it, and the value is one word.
fn comment_only(parser: &Parser<'_>, spaces: bool, empty: bool) -> bool {
    let T::Comment { mark } = parser.token.kind else {
        return false;
    };
    let body = comment_body(parser);
    let rest = body.trim_ascii();
    let separated = body
        .first()
        .is_none_or(|&byte| byte == b' ' || byte == b'+' || byte == b'-');
    let short = rest.len() <= 8 && !rest.contains(&b' ');
    !spaces && short && (!empty || rest.is_empty()) && (mark == b'*' || separated)
}

/// A statement that stands alone is only one if it does more than English would.
pub(super) fn statement_alone(first: T, facts: Facts) -> bool {
    match first {
        T::Word(Word::Select) => true,
        T::Word(Word::Update | Word::Delete | Word::Insert) => true,
        _ => {
            facts.any(Facts::DANGEROUS | Facts::EFFECT | Facts::STACKED)
                || matches!(first, T::Word(Word::Declare | Word::Exec | Word::Begin))
        }
    }
}

/// Whether a bracket, a quote, an operator or a separator stands before.
pub(super) fn opened_before(value: &[u8], place: usize) -> bool {
    let before = value.get(..place).unwrap_or_default().trim_ascii_end();
    before
        .last()
        .is_none_or(|byte| b"('\"`,;=|+-*/)&<>".contains(byte))
}
