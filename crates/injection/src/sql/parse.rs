//! The grammar: reads on from a place where a value may have left the literal it was put in, and notes what it saw.

use std::cell::Cell;

use super::clause::Grade;
use super::facts::Facts;
use super::lex::{Lexer, T, Token};
use super::words::Word;

/// What an operand is, for judging the comparison it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Constant,
    /// A function of SQL, a system variable, a subquery.
    Sql,
    /// A call of some function.
    Call,
    /// A name.
    Name,
}

/// How deep brackets, queries and statements are followed.
pub(super) const DEPTH_MAX: u32 = 32;

/// Reads one candidate.
pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) token: Token,
    pub(super) facts: Facts,
    /// The end of the last token that belonged to the candidate.
    pub(super) understood: usize,
    pub(super) depth: u32,
    /// The token behind the current one, once it was asked for.
    ahead: Cell<Option<(Token, Lexer<'a>)>>,
    /// A sign was met inside brackets that SQL does not have.
    pub(super) odd: bool,
    /// A query is being read that began behind a bracket.
    pub(super) bracketed: bool,
    /// A query behind `UNION` is read no further than until it is sure.
    pub(super) brief: bool,
    /// Whether the end of the text is the end of the value, not of the window.
    whole: bool,
    /// How many tokens may still be read; then the text ends.
    fuel: u32,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a [u8], place: usize, whole: bool) -> Self {
        let mut lexer = Lexer::new(text, place);
        let token = lexer.next();
        Self {
            lexer,
            token,
            facts: Facts::default(),
            understood: place,
            depth: 0,
            ahead: Cell::new(None),
            odd: false,
            bracketed: false,
            brief: false,
            whole,
            fuel: u32::MAX,
        }
    }

    /// The same, reading so many tokens at most: for places of which a value may hold thousands.
    pub(super) fn brief_reader(text: &'a [u8], place: usize, whole: bool, tokens: u32) -> Self {
        Self {
            fuel: tokens,
            ..Self::new(text, place, whole)
        }
    }

    pub(super) fn note(&mut self, bits: u32) {
        self.facts.0 |= bits;
    }

    pub(super) fn bump(&mut self) -> Token {
        let token = self.token;
        self.understood = token.end;
        self.fuel = self.fuel.saturating_sub(1);
        if self.fuel == 0 {
            self.whole = false;
            self.ahead.set(None);
            self.token.kind = T::End;
            self.token.start = token.end;
            return token;
        }
        self.token = match self.ahead.take() {
            Some((token, lexer)) => {
                self.lexer = lexer;
                token
            }
            None => self.lexer.next(),
        };
        if self.lexer.inline_comment {
            self.facts.0 |= Facts::INLINE;
        }
        token
    }

    pub(super) fn is(&self, word: Word) -> bool {
        self.token.kind == T::Word(word)
    }

    pub(super) fn eat(&mut self, word: Word) -> bool {
        let found = self.is(word);
        if found {
            self.bump();
        }
        found
    }

    /// What the next token is; it is read once, however often it is asked for.
    pub(super) fn peek(&self) -> T {
        if let Some((token, _)) = self.ahead.get() {
            return token.kind;
        }
        let mut ahead = self.lexer;
        let token = ahead.next();
        self.ahead.set(Some((token, ahead)));
        token.kind
    }

    pub(super) fn text(&self, token: Token) -> &'a [u8] {
        self.lexer
            .text
            .get(token.start..token.end)
            .unwrap_or_default()
    }

    /// Notes how the candidate ended.
    pub(super) fn ending(&mut self) {
        match self.token.kind {
            T::Comment { .. } => {
                self.note(Facts::COMMENT);
                self.understood = self.token.end;
            }
            T::End if self.whole => self.note(Facts::CLEAN),
            T::End => {}
            _ => self.note(Facts::GARBAGE),
        }
    }

    /// Reads an operand, if one stands here.
    pub(super) fn operand(&mut self) -> Option<Class> {
        loop {
            match self.token.kind {
                T::Arithmetic | T::Bang | T::Word(Word::Not) => {
                    self.bump();
                }
                T::Word(Word::Unary) => {
                    self.note(Facts::UNARY);
                    self.bump();
                }
                _ => break,
            }
        }
        if self.depth >= DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        let class = self.primary();
        self.depth -= 1;
        let mut class = class?;
        while self.token.kind == T::Cast {
            self.bump();
            if let T::Word(name) = self.token.kind {
                self.bump();
                if name == Word::Type {
                    self.note(Facts::FUNCTION);
                    class = class.min(Class::Sql);
                } else {
                    class = Class::Name;
                }
            }
        }
        Some(class)
    }

    fn primary(&mut self) -> Option<Class> {
        match self.token.kind {
            T::Number => {
                self.bump();
                Some(Class::Constant)
            }
            T::Str { .. } => {
                while let T::Str { open } = self.token.kind {
                    if open && self.whole {
                        self.note(Facts::OPEN);
                    }
                    self.bump();
                }
                Some(Class::Constant)
            }
            T::Variable { system } => {
                self.bump();
                if self.token.kind == T::Assign {
                    self.bump();
                    self.note(Facts::VARIABLE);
                    return self.operand();
                }
                self.note(if system {
                    Facts::ABOUT | Facts::VARIABLE
                } else {
                    Facts::VARIABLE
                });
                Some(if system { Class::Sql } else { Class::Call })
            }
            T::Open => self.group(),
            T::Word(word) => self.word(word),
            _ => None,
        }
    }

    fn word(&mut self, word: Word) -> Option<Class> {
        match word {
            Word::Null | Word::Bool => {
                self.bump();
                Some(Class::Constant)
            }
            Word::Case => {
                self.bump();
                self.case();
                Some(Class::Sql)
            }
            Word::Exists | Word::Quantifier | Word::All if self.peek() == T::Open => {
                self.bump();
                self.group()
            }
            Word::Select => {
                // No grammar allows it here; scanners send it.
                let query = self.select() == Grade::Certain;
                if query {
                    self.note(Facts::SUBQUERY);
                }
                query.then_some(Class::Sql)
            }
            Word::Insert | Word::If | Word::Values | Word::Div | Word::Like
                if self.peek() == T::Open =>
            {
                self.call(word)
            }
            _ if word.is_name() => self.name(word),
            _ => None,
        }
    }

    /// A name, perhaps with dots, perhaps called.
    fn name(&mut self, first: Word) -> Option<Class> {
        let mut word = first;
        let mut dotted = false;
        let mut token;
        loop {
            token = self.token;
            if matches!(word, Word::Catalogue) {
                self.note(Facts::CATALOGUE);
            }
            if self.peek() == T::Open {
                return self.call(if dotted && word != Word::Dangerous {
                    Word::Name
                } else {
                    word
                });
            }
            self.bump();
            while self.token.kind == T::Dot {
                dotted = true;
                self.bump();
            }
            match self.token.kind {
                T::Word(next)
                    if dotted
                        && self.lexer.text.get(self.token.start.wrapping_sub(1)) == Some(&b'.') =>
                {
                    if word == Word::Dangerous {
                        self.note(Facts::DANGEROUS);
                    }
                    word = next;
                }
                _ => break,
            }
        }
        if word == Word::About && !dotted && self.text(token).contains(&b'_') {
            self.note(Facts::ABOUT);
            return Some(Class::Sql);
        }
        Some(Class::Name)
    }

    /// What stands behind the bracket that is the current token.
    fn after_open(&self) -> T {
        let mut ahead = self.lexer;
        ahead.next().kind
    }

    fn call(&mut self, word: Word) -> Option<Class> {
        let name = self.bump();
        let class = match word {
            Word::Like if self.text(name).eq_ignore_ascii_case(b"like") => {
                self.note(Facts::FUNCTION);
                Class::Sql
            }
            Word::Function | Word::Insert => {
                self.note(Facts::FUNCTION);
                Class::Sql
            }
            Word::About if matches!(self.after_open(), T::Close | T::Number) => {
                self.note(Facts::ABOUT);
                Class::Sql
            }
            Word::Dangerous => {
                self.note(Facts::DANGEROUS);
                Class::Sql
            }
            _ => {
                self.note(Facts::CALL);
                Class::Call
            }
        };
        self.arguments();
        Some(class)
    }

    /// The arguments of a call, read loosely: what is inside matters, not how it is arranged.
    fn arguments(&mut self) {
        let mut open = 0u32;
        let mut before = T::End;
        loop {
            let kind = self.token.kind;
            match kind {
                // `elt(2567=9921, 1)`: nobody else compares two numbers.
                T::Compare if before == T::Number && self.peek() == T::Number => {
                    self.note(Facts::FIRM)
                }
                T::Open => open += 1,
                T::Close => open = open.saturating_sub(1),
                T::End | T::Comment { .. } => return,
                T::Other => self.odd = true,
                T::Str { open: true } if self.whole => self.note(Facts::OPEN),
                T::Variable { system: true } => self.note(Facts::ABOUT),
                T::Word(Word::Select) => {
                    if self.select().is_query() {
                        self.note(Facts::SUBQUERY);
                    }
                    continue;
                }
                T::Word(word) => self.inner_word(word),
                _ => {}
            }
            before = kind;
            self.bump();
            if open == 0 {
                return;
            }
        }
    }

    /// Notes a word that stands where its arrangement is not judged.
    pub(super) fn inner_word(&mut self, word: Word) {
        match word {
            Word::Catalogue => self.note(Facts::CATALOGUE),
            Word::Function if self.peek() == T::Open => self.note(Facts::FUNCTION),
            Word::About if self.peek() == T::Open => self.note(Facts::ABOUT),
            Word::Dangerous if matches!(self.peek(), T::Open | T::Dot) => {
                self.note(Facts::DANGEROUS)
            }
            _ => {}
        }
    }

    fn case(&mut self) {
        let mut whens = 0;
        for _ in 0..64 {
            match self.token.kind {
                T::Word(Word::When) => whens += 1,
                T::Word(Word::End) => {
                    self.bump();
                    break;
                }
                T::Open => {
                    if self.group().is_none() {
                        break;
                    }
                    continue;
                }
                T::End | T::Comment { .. } | T::Close => break,
                T::Word(word) => self.inner_word(word),
                _ => {}
            }
            self.bump();
        }
        if whens >= 2 {
            self.note(Facts::CASE);
        }
    }

    /// What stands in brackets: a query or expressions.
    pub(super) fn group(&mut self) -> Option<Class> {
        self.bump();
        self.note(Facts::GROUP);
        if self.is(Word::Select) {
            let outer = std::mem::replace(&mut self.bracketed, true);
            let grade = self.select();
            self.bracketed = outer;
            if !grade.is_query() {
                return None;
            }
            self.note(Facts::SUBQUERY);
            if self.token.kind == T::Close {
                self.bump();
            }
            return Some(Class::Sql);
        }
        if self.token.kind == T::Close {
            self.bump();
            return Some(Class::Name);
        }
        if self.is(Word::Begin) && self.statement() {
            self.note(Facts::STACKED);
            return None;
        }
        let before = self.facts.any(Facts::FIRM);
        let class = self.expression(true);
        if !before && self.facts.any(Facts::FIRM) {
            self.note(Facts::GROUP_FIRM);
        }
        if self.token.kind == T::Close {
            self.bump();
        }
        class
    }

    /// An operand and all that is joined to it.
    pub(super) fn expression(&mut self, nested: bool) -> Option<Class> {
        let start = self.token;
        let class = self.operand()?;
        Some(self.tail(Some((class, start)), nested))
    }

    /// All that is joined to what stands before; the class of the whole is returned.
    pub(super) fn tail(&mut self, before: Option<(Class, Token)>, nested: bool) -> Class {
        let mut left = before;
        loop {
            let start = self.token;
            let Some(class) = self.link(&mut left, nested) else {
                break;
            };
            left = Some((class, start));
        }
        left.map_or(Class::Name, |(class, _)| class)
    }

    /// One operator or clause and what belongs to it; `None` where the grammar ends.
    fn link(&mut self, left: &mut Option<(Class, Token)>, nested: bool) -> Option<Class> {
        let class = left.map_or(Class::Constant, |(class, _)| class);
        match self.token.kind {
            T::Close if nested => None,
            T::Close => {
                self.bump();
                self.note(Facts::CLOSED);
                Some(class)
            }
            // A query set behind a value without an operator, as scanners do to provoke an error.
            T::Open if left.is_some() && self.peek() == T::Word(Word::Select) => {
                let right = self.operand()?;
                self.note(Facts::COMMA);
                Some(right)
            }
            T::Ampersands | T::Word(Word::Or | Word::And | Word::Xor) => self.logic(),
            T::Pipes => {
                self.bump();
                let right = self.operand()?;
                self.note(Facts::PIPES);
                Some(class.max(right))
            }
            T::Arithmetic | T::Star | T::Word(Word::Div) => {
                self.bump();
                let right = self.operand()?;
                self.note(Facts::ARITHMETIC);
                Some(class.max(right))
            }
            T::Compare | T::DoubleEqual | T::Word(Word::Like | Word::Sounds) => self.compare(*left),
            T::Word(Word::Not) => {
                self.bump();
                match self.token.kind {
                    T::Word(Word::Like | Word::In | Word::Between) => Some(class),
                    _ => None,
                }
            }
            T::Word(Word::Is) => self.is_test(class),
            T::Word(Word::In) => self.in_list(class),
            T::Word(Word::Between) => self.between(class),
            T::Str { .. } if class == Class::Constant && left.is_some() => self.primary(),
            T::Comma if left.is_some() => {
                self.bump();
                let right = self.operand()?;
                self.note(Facts::COMMA);
                Some(right)
            }
            _ => self.clause(class),
        }
    }

    fn logic(&mut self) -> Option<Class> {
        self.bump();
        let right = self.operand()?;
        self.note(Facts::LOGIC);
        if right == Class::Constant {
            self.note(Facts::LOGIC_CONSTANT);
        }
        Some(right)
    }
}
