//! Fragments that are SQL by themselves: a call broken off, a table of the catalogue, operators and casts of
//! PostgreSQL between literals, a definition.

use super::Found;
use super::lex::{Lexer, T};
use super::words::{Word, word};
use crate::bytes::{Profile, at, find, has_at, is_word, skip_space};

/// Tokens that are looked at, at most.
const TOKENS_MAX: usize = 10;

pub(super) fn fragment(value: &[u8], profile: Profile) -> Option<Found> {
    first_word(value)
        .or_else(|| catalogue(value))
        .or_else(|| odd_case(value))
        .or_else(|| number(value))
        .or_else(|| terminator(value))
        .or_else(|| {
            let signs = Profile::AT | Profile::COLON | Profile::QUESTION | Profile::HASH;
            if profile.any(Profile::QUOTE | Profile::COLON)
                && profile.any(signs | Profile::ANGLE | Profile::PAREN)
            {
                literals(value)
            } else {
                None
            }
        })
}

/// The fragments that their first word tells; most values begin with no word of SQL.
fn first_word(value: &[u8]) -> Option<Found> {
    let start = skip_signs(value);
    let length = value[start..]
        .iter()
        .take(WORD_MAX)
        .take_while(|byte| is_word(**byte))
        .count();
    match word(&value[start..start + length]) {
        Word::Function | Word::Common | Word::About | Word::Dangerous | Word::Object => call(value),
        Word::Define => definition(value),
        Word::Union | Word::Select => query(value),
        Word::Like | Word::Div | Word::Between if value.trim_ascii_start().starts_with(b")") => {
            query(value)
        }
        _ => None,
    }
}

/// Bytes of the longest word of SQL, and one more.
const WORD_MAX: usize = 24;

/// `concat(`, `') database(`, `sleep(20)`: the value is a call of a function of databases, broken off or of one that acts.
fn call(value: &[u8]) -> Option<Found> {
    let mut lexer = Lexer::new(value, skip_signs(value));
    let name = lexer.next();
    let T::Word(kind) = name.kind else {
        return None;
    };
    let database = kind == Word::Object
        && value
            .get(name.start..name.end)?
            .eq_ignore_ascii_case(b"database");
    if !database
        && !matches!(
            kind,
            Word::Function | Word::Common | Word::About | Word::Dangerous
        )
    {
        return None;
    }
    let open = lexer.next();
    if open.kind != T::Open {
        return None;
    }
    let first = lexer.next();
    // Python breaks its lines behind the bracket of these.
    let builtin = [
        &b"abs"[..],
        b"hex",
        b"max",
        b"min",
        b"pow",
        b"round",
        b"sum",
        b"bin",
        b"oct",
        b"ord",
        b"len",
    ]
    .iter()
    .any(|builtin| value[name.start..name.end].eq_ignore_ascii_case(builtin));
    let broken = first.kind == T::End && !builtin;
    // `benchmark(1000000,…`, `sleep(20)`: programs wait for less.
    let number = value.get(first.start..first.end).unwrap_or_default();
    let long = number.iter().all(u8::is_ascii_digit)
        && (number.len() > 1 || number.first().is_some_and(|&digit| digit >= b'4'));
    let acts = kind == Word::Dangerous
        && first.kind == T::Number
        && long
        && !matches!(lexer.next().kind, T::Word(Word::Name | Word::Prose));
    // `, find_in_set('22', …)`: another column.
    let listed = kind == Word::Function && value.trim_ascii_start().starts_with(b",");
    (broken || acts || listed).then_some((name.start, open.end, "database-call"))
}

/// What may end the literal or the call before.
fn skip_signs(value: &[u8]) -> usize {
    value
        .iter()
        .take(8)
        .take_while(|byte| {
            matches!(
                byte,
                b'\'' | b'"' | b'`' | b')' | b',' | b'(' | b' ' | b'\t' | b'\n'
            )
        })
        .count()
}

/// The value names a table of the catalogue and nothing else.
fn catalogue(value: &[u8]) -> Option<Found> {
    let inside = value
        .trim_ascii()
        .strip_prefix(b"from ")
        .or_else(|| value.trim_ascii().strip_prefix(b"FROM "))
        .unwrap_or(value)
        .trim_ascii();
    let name = inside
        .strip_prefix(b"`")
        .map_or(inside, |quoted| quoted.strip_suffix(b"`").unwrap_or(quoted));
    let name = name.strip_suffix(b".").unwrap_or(name);
    let listed =
        (7..=24).contains(&name.len()) && word(name) == Word::Catalogue && name != b"systables";
    listed.then_some((0, value.len(), "catalogue-table"))
}

/// `CREATE TABLE name`, `ALTER TABLE name ADD …`, `CREATE FUNCTION f (…) RETURNS …`: both words are the language's, and so is what
/// follows the name.
fn definition(value: &[u8]) -> Option<Found> {
    let mut lexer = Lexer::new(value, skip_space(value, 0));
    let first = lexer.next();
    if first.kind != T::Word(Word::Define) {
        return None;
    }
    let verb = value.get(first.start..first.end)?;
    let object = lexer.next();
    if !matches!(object.kind, T::Word(Word::Object | Word::Procedure)) {
        return None;
    }
    let named = lexer.next();
    if !matches!(named.kind, T::Word(name) if name.is_name()) {
        return None;
    }
    let next = lexer.next();
    let follows = value.get(next.start..next.end).unwrap_or_default();
    let says = |words: &[&str]| {
        words
            .iter()
            .any(|word| word.as_bytes().eq_ignore_ascii_case(follows))
    };
    let alters = verb.eq_ignore_ascii_case(b"alter")
        && says(&[
            "add", "drop", "change", "modify", "rename", "alter", "owner",
        ]);
    let creates = verb.eq_ignore_ascii_case(b"create")
        && (next.kind == T::Open || says(&["as", "returns", "on", "from", "before", "after"]));
    let telling = creates && next.kind == T::Open && mentions(&mut lexer);
    (alters && mentions_sql(value) || telling).then_some((first.start, named.end, "definition"))
}

/// `union select`, `select a from`, `select pg_sleep`, `) like (`: a query broken off where English would go on.
fn query(value: &[u8]) -> Option<Found> {
    let mut lexer = Lexer::new(value, skip_space(value, 0));
    let first = lexer.next();
    let second = lexer.next();
    if first.kind == T::Close {
        let joins = matches!(second.kind, T::Word(Word::Like | Word::Div | Word::Between));
        return (joins && lexer.next().kind == T::Open).then_some((
            first.start,
            second.end,
            "broken-query",
        ));
    }
    let union = first.kind == T::Word(Word::Union) && second.kind == T::Word(Word::Select);
    if !union && first.kind != T::Word(Word::Select) {
        return None;
    }
    let mut last = second.kind;
    for _ in 0..TOKENS_MAX {
        let token = lexer.next();
        if token.kind == T::End {
            let broken = match last {
                T::Word(Word::Select) => union,
                T::Word(Word::From | Word::Dangerous) => true,
                _ => false,
            };
            return broken.then_some((first.start, value.len(), "broken-query"));
        }
        last = token.kind;
    }
    None
}

/// `sElEcT`: a keyword whose letters change their case again and again, which nobody writes who is not hiding it.
fn odd_case(value: &[u8]) -> Option<Found> {
    let mut place = 0;
    while place < value.len() {
        if !value[place].is_ascii_alphabetic() {
            place += 1;
            continue;
        }
        let length = value[place..]
            .iter()
            .take_while(|byte| is_word(**byte))
            .count();
        let name = &value[place..place + length];
        if (4..=14).contains(&length) {
            let changes = name
                .windows(2)
                .filter(|pair| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase())
                .count();
            let keyword = changes >= 4
                && matches!(
                    word(name),
                    Word::Union
                        | Word::Select
                        | Word::From
                        | Word::Where
                        | Word::Having
                        | Word::Insert
                        | Word::Update
                        | Word::Delete
                        | Word::Dangerous
                        | Word::Order
                        | Word::Exec
                        | Word::Declare
                        | Word::Waitfor
                );
            if keyword {
                return Some((place, place + length, "hidden-keyword"));
            }
        }
        place += length.max(1);
    }
    None
}

/// `1.e(ascii)`, `1.e.tables`: a number in the only notation that lets MySQL read on right behind it.
fn number(value: &[u8]) -> Option<Found> {
    let digits = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let rest = &value[digits..];
    (digits > 0 && has_at(rest, 0, b".e") && matches!(at(rest, 2), b'(' | b'.')).then_some((
        0,
        digits + 3,
        "number-trick",
    ))
}

/// `name';`: one quote, which ends a literal and its statement, at the end of a word.
fn terminator(value: &[u8]) -> Option<Found> {
    let value = value.trim_ascii();
    let name = value.strip_suffix(b";")?;
    let (quote, word) = name.split_last()?;
    let word_only = word
        .iter()
        .all(|byte| is_word(*byte) || matches!(byte, b'@' | b'.' | b'-' | b'%' | b'+'));
    (matches!(quote, b'\'' | b'"' | b'`') && !word.is_empty() && word_only).then_some((
        word.len(),
        value.len(),
        "statement-end",
    ))
}

/// Whether a type or a function stands among the next tokens.
fn mentions(lexer: &mut Lexer<'_>) -> bool {
    (0..TOKENS_MAX).any(|_| matches!(lexer.next().kind, T::Word(Word::Type | Word::Function)))
}

fn mentions_sql(value: &[u8]) -> bool {
    [
        &b"`"[..],
        b"varchar",
        b"int",
        b"text",
        b"enum(",
        b"column",
        b"char(",
    ]
    .iter()
    .any(|sign| find(value, 0, sign).is_some())
}

/// `'…'::jsonb`, `'{…}' <@ '{…}'`, `'{…}' ? 'a'`, `'[…]' ->> 2`: a literal of PostgreSQL with its cast, or an operator between JSON
/// and a literal.
fn literals(value: &[u8]) -> Option<Found> {
    let json = value.iter().any(|byte| matches!(byte, b'{' | b'['));
    let quotes = value
        .iter()
        .enumerate()
        .filter(|(_, byte)| matches!(byte, b'\'' | b'"' | b')'));
    for (place, &quote) in quotes {
        let after = skip_space(value, place + 1);
        if matches!(quote, b'\'' | b'"') && acting_call(value, after) {
            return Some((place, after + 1, "dangerous-call"));
        }
        if at(value, place + 1) == b':' && at(value, place + 2) == b':' {
            let kind = value.get(place + 3..).unwrap_or_default();
            let length = kind
                .iter()
                .take(16)
                .take_while(|byte| is_word(**byte))
                .count();
            let known = [
                &b"json"[..],
                b"jsonb",
                b"regclass",
                b"bytea",
                b"inet",
                b"timestamp",
                b"double",
            ];
            let name = &kind[..length];
            if matches!(word(name), Word::Type)
                || known.iter().any(|known| known.eq_ignore_ascii_case(name))
            {
                return Some((place, place + 3 + length, "cast-literal"));
            }
        }
        if json
            && quote == b'\''
            && matches!(value[..place].last(), Some(b'}' | b']'))
            && operator(value, after)
        {
            return Some((place, after + 2, "json-operator"));
        }
    }
    None
}

/// `sleep(10`: a function that acts, with a number.
fn acting_call(value: &[u8], place: usize) -> bool {
    let name = value.get(place..).unwrap_or_default();
    let length = name
        .iter()
        .take(16)
        .take_while(|byte| is_word(**byte))
        .count();
    length > 4
        && at(name, length) == b'('
        && at(name, length + 1).is_ascii_digit()
        && word(&name[..length]) == Word::Dangerous
}

/// An operator on JSON, and a literal or an array behind it.
fn operator(value: &[u8], place: usize) -> bool {
    let signs: [&[u8]; 13] = [
        b"->>", b"->", b"#>>", b"#>", b"#-", b"<@", b"@>", b"@?", b"@@", b"?|", b"?&", b"?", b"||",
    ];
    signs.iter().any(|sign| {
        let right = skip_space(value, place + sign.len());
        has_at(value, place, sign)
            && (matches!(at(value, right), b'\'' | b'0'..=b'9') || has_at(value, right, b"array["))
    })
}
