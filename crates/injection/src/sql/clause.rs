//! Clauses, queries and statements that a value may add to the statement it is put in.

use super::facts::Facts;
use super::lex::T;
use super::list::List;
use super::parse::{Class, DEPTH_MAX, Parser};
use super::words::Word;

/// How sure it is that a `SELECT` is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// English, or broken off.
    None,
    /// `select name from name`: both languages.
    Plain,
    /// Numbers, stars, functions or conditions: SQL.
    Query,
    /// Functions or tables only SQL has.
    Certain,
}

impl Grade {
    pub(super) fn is_query(self) -> bool {
        self >= Grade::Plain
    }
}

impl Parser<'_> {
    /// A clause after an expression; the class given back is only a marker that reading goes on.
    pub(super) fn clause(&mut self, class: Class) -> Option<Class> {
        let T::Word(word) = self.token.kind else {
            return match self.token.kind {
                T::Semicolon => self.stacked(class),
                _ => None,
            };
        };
        match word {
            Word::Union => self.union(class),
            Word::Where | Word::Having => {
                self.bump();
                let right = self.operand()?;
                self.note(Facts::CLAUSE);
                Some(right)
            }
            Word::Order | Word::Group => self.sort(),
            Word::Limit => {
                self.bump();
                if self.token.kind != T::Number {
                    return None;
                }
                self.bump();
                if matches!(self.token.kind, T::Comma | T::Word(Word::Limit)) {
                    self.bump();
                    self.operand()?;
                    self.note(Facts::SORT);
                }
                Some(Class::Constant)
            }
            Word::Into => self.into(),
            Word::Procedure => {
                self.bump();
                let named = matches!(self.token.kind, T::Word(_)) && self.peek() == T::Open;
                self.operand()?;
                if named {
                    self.note(Facts::EFFECT);
                }
                Some(class)
            }
            Word::Waitfor => {
                self.waitfor();
                Some(class)
            }
            Word::For if matches!(self.peek(), T::Word(Word::Update)) => {
                self.bump();
                self.bump();
                Some(class)
            }
            Word::As if matches!(self.peek(), T::Word(name) if name.is_name()) => {
                self.bump();
                self.bump();
                Some(class)
            }
            Word::Descending => {
                self.bump();
                Some(class)
            }
            _ => None,
        }
    }

    fn sort(&mut self) -> Option<Class> {
        self.bump();
        if !self.eat(Word::By) {
            return None;
        }
        let text = matches!(self.token.kind, T::Str { .. });
        let class = self.operand()?;
        if class != Class::Name && !text {
            self.note(Facts::SORT);
        }
        Some(class)
    }

    fn into(&mut self) -> Option<Class> {
        self.bump();
        match self.token.kind {
            T::Word(Word::File) => {
                self.bump();
                let sure = match self.token.kind {
                    T::Str { .. } | T::Number | T::Open | T::Other => true,
                    T::Word(_) => {
                        self.peek() == T::Open
                            || self.token.start + 1 < self.token.end && self.token_is_high()
                    }
                    _ => false,
                };
                if sure {
                    self.bump();
                    self.note(Facts::EFFECT);
                }
                sure.then_some(Class::Constant)
            }
            T::Variable { .. } => {
                self.bump();
                Some(Class::Sql)
            }
            _ => None,
        }
    }

    /// Typographic quotes, which arrive as bytes outside ASCII.
    fn token_is_high(&self) -> bool {
        self.text(self.token)
            .first()
            .is_some_and(|&byte| byte >= 0x80)
    }

    pub(super) fn waitfor(&mut self) {
        self.bump();
        let delay = self.eat(Word::Delay)
            || matches!(self.token.kind, T::Word(_)) && matches!(self.peek(), T::Str { .. });
        if !delay {
            return;
        }
        if matches!(self.token.kind, T::Word(_)) {
            self.bump();
        }
        if matches!(
            self.token.kind,
            T::Str { .. } | T::Number | T::Variable { .. }
        ) {
            self.bump();
            self.note(Facts::EFFECT);
        }
    }

    /// `UNION [ALL] SELECT …`, or one of its sisters.
    pub(super) fn union(&mut self, class: Class) -> Option<Class> {
        let start = self.token;
        self.bump();
        while matches!(self.token.kind, T::Open | T::Word(Word::All)) {
            self.bump();
        }
        match self.token.kind {
            T::Word(Word::Select) => {
                let numbered = class <= Class::Sql && start.start > 0;
                self.brief = true;
                let grade = self.select();
                self.brief = false;
                let broken_off = matches!(self.token.kind, T::End | T::Comment { .. });
                if grade.is_query() || broken_off && numbered {
                    self.note(Facts::UNION);
                    return Some(Class::Sql);
                }
                None
            }
            T::Word(Word::Values) if self.peek() == T::Open => {
                self.bump();
                self.group()?;
                self.note(Facts::UNION);
                Some(Class::Sql)
            }
            _ => None,
        }
    }

    fn stacked(&mut self, class: Class) -> Option<Class> {
        while self.token.kind == T::Semicolon {
            self.bump();
        }
        match self.token.kind {
            T::End | T::Comment { .. } => Some(class),
            T::Word(_) => {
                if !self.statement() {
                    return None;
                }
                self.note(Facts::STACKED);
                Some(Class::Sql)
            }
            _ => None,
        }
    }

    /// Reads a `SELECT` from its keyword to the end of its table list, and grades it.
    pub(super) fn select(&mut self) -> Grade {
        let before = self.facts;
        self.bump();
        if self.depth >= DEPTH_MAX {
            return Grade::None;
        }
        self.depth += 1;
        let grade = self.graded(before);
        self.depth -= 1;
        grade
    }

    fn graded(&mut self, before: Facts) -> Grade {
        let odd = std::mem::take(&mut self.odd);
        let list = self.select_list();
        if self.brief && list.sure() {
            self.odd = odd;
            return Grade::Query;
        }
        let strange = std::mem::replace(&mut self.odd, odd) || list.prose;
        let special =
            Facts::FUNCTION | Facts::ABOUT | Facts::DANGEROUS | Facts::CATALOGUE | Facts::SUBQUERY;
        let special_in = |facts: Facts| facts.0 & !before.0 & special != 0;
        let strange = strange || list.began_with_dot;
        if strange || list.tokens == 0 {
            self.facts.0 &= before.0 | Facts::OPEN | Facts::INLINE;
            return Grade::None;
        }
        let clean = if self.is(Word::From) {
            self.bump();
            self.tables()
        } else if self.is(Word::Where) && list.signs == 0 {
            self.condition()
        } else {
            let ends = matches!(
                self.token.kind,
                T::End
                    | T::Comment { .. }
                    | T::Close
                    | T::Semicolon
                    | T::Word(
                        Word::Union
                            | Word::Into
                            | Word::Where
                            | Word::Limit
                            | Word::Order
                            | Word::Group
                            | Word::Having
                            | Word::For
                    )
            );
            ends && (list.hard > 0 || list.signs > 0 && self.bracketed || special_in(self.facts))
        };
        if !clean {
            let listed = list.signs > 2 && list.commas > 1;
            return if listed || special_in(self.facts) && list.signs > 0 {
                Grade::Query
            } else {
                Grade::None
            };
        }
        if special_in(self.facts) {
            Grade::Certain
        } else if list.signs > 1 || list.commas > 0 || self.condition() {
            Grade::Query
        } else {
            Grade::Plain
        }
    }

    /// A condition after the table list that English would not write.
    fn condition(&mut self) -> bool {
        let before = self.facts;
        let bits = Facts::COMPARE | Facts::SORT | Facts::EFFECT;
        if matches!(
            self.token.kind,
            T::Word(Word::Where | Word::Limit | Word::Order | Word::Group | Word::Having)
        ) {
            self.facts.0 &= !bits;
            let number_next = match self.peek() {
                T::Number => self.is(Word::Limit),
                T::End => self.is(Word::Where),
                _ => false,
            };
            self.tail(None, true);
            let found = self.facts.any(bits) || number_next;
            self.facts.0 |= before.0;
            return found;
        }
        false
    }

    fn select_list(&mut self) -> List {
        let mut list = List::default();
        let mut run = 0;
        loop {
            let kind = self.token.kind;
            match kind {
                T::Word(
                    Word::From
                    | Word::Union
                    | Word::Into
                    | Word::Where
                    | Word::Limit
                    | Word::Order
                    | Word::Group
                    | Word::Having
                    | Word::For,
                )
                | T::End
                | T::Comment { .. }
                | T::Close
                | T::Semicolon => return list,
                T::Word(Word::Prose) => list.prose = true,
                T::Word(Word::All | Word::Unary | Word::Top | Word::Quantifier) => run = 0,
                T::Word(Word::Null | Word::Bool) => {
                    list.hard += 1;
                    list.signs += 2;
                    run = 0;
                }
                T::Word(word) => {
                    let spaced =
                        word == Word::Name && self.lexer.text.get(self.token.end) != Some(&b'(');
                    let called = self.peek() == T::Open && !spaced;
                    self.inner_word(word);
                    if word == Word::About && !called && list.tokens == 0 {
                        list.signs += 1;
                    }
                    if called {
                        list.hard += 1;
                        list.signs += 2;
                        self.bump();
                        self.arguments_of_list();
                        run = 0;
                        list.tokens += 1;
                        continue;
                    }
                    run += 1;
                    if run > 3 {
                        list.prose = true;
                    }
                }
                T::Comma => {
                    list.commas += 1;
                    run = 0;
                }
                T::Number => {
                    list.hard += 1;
                    list.signs += 1;
                    run = 0;
                }
                T::Variable { .. } => {
                    list.hard += 1;
                    list.signs += 2;
                    self.note(Facts::VARIABLE);
                    if kind == (T::Variable { system: true }) {
                        self.note(Facts::ABOUT);
                    }
                    run = 0;
                }
                T::Open => {
                    list.prose |= run > 0;
                    list.hard += 1;
                    list.signs += 2;
                    self.arguments_of_list();
                    run = 0;
                    list.tokens += 1;
                    continue;
                }
                T::Str { open } => {
                    list.signs += 2;
                    list.strings += 2;
                    if open {
                        list.prose |= self.token.end - self.token.start > 24;
                        self.note(Facts::OPEN);
                    }
                    run = 0;
                }
                T::Star | T::Pipes | T::Arithmetic | T::Cast | T::Assign => {
                    list.hard += u32::from(kind == T::Star);
                    list.signs += 1 + u32::from(kind == T::Star);
                    run = 0;
                }
                T::Dot | T::Compare | T::Bang => {
                    list.began_with_dot |= list.tokens == 0 && kind == T::Dot;
                    run = 0;
                }
                _ => list.prose = true,
            }
            if list.prose || self.brief && list.sure() {
                return list;
            }
            list.tokens += 1;
            self.bump();
        }
    }

    /// Brackets in a list of columns, read loosely.
    fn arguments_of_list(&mut self) {
        let mut open = 0u32;
        loop {
            match self.token.kind {
                T::Open => open += 1,
                T::Close => open = open.saturating_sub(1),
                T::End | T::Comment { .. } => return,
                T::Other => self.odd = true,
                T::Variable { system: true } => self.note(Facts::ABOUT),
                T::Str { open: true } => self.note(Facts::OPEN),
                T::Word(Word::Select) if open > 0 && self.peek() != T::Dot => {
                    self.note(Facts::SUBQUERY)
                }
                T::Word(word) => self.inner_word(word),
                _ => {}
            }
            self.bump();
            if open == 0 {
                return;
            }
        }
    }

    /// `FROM` what: names with aliases, brackets, joins. True if it ends as a table list does.
    fn tables(&mut self) -> bool {
        loop {
            match self.token.kind {
                T::Open => self.arguments_of_list(),
                T::Word(word) if word.is_name() || matches!(word, Word::Insert | Word::Update) => {
                    self.table_name()
                }
                T::Str { open: false } => {
                    self.bump();
                }
                _ => return false,
            }
            self.eat(Word::As);
            if matches!(self.token.kind, T::Word(Word::Name | Word::Quoted)) {
                self.bump();
            }
            match self.token.kind {
                T::Comma | T::Word(Word::Join) => {
                    self.bump();
                }
                T::End | T::Comment { .. } | T::Close | T::Semicolon | T::Str { .. } => {
                    return true;
                }
                T::Word(
                    Word::Where
                    | Word::Limit
                    | Word::Order
                    | Word::Group
                    | Word::Having
                    | Word::Union
                    | Word::Into
                    | Word::For
                    | Word::Procedure
                    | Word::Or
                    | Word::And,
                ) => return true,
                _ => return false,
            }
        }
    }

    fn table_name(&mut self) {
        loop {
            if let T::Word(word) = self.token.kind {
                if word == Word::Catalogue {
                    self.note(Facts::CATALOGUE);
                }
                self.bump();
                if self.token.kind == T::Open {
                    self.arguments_of_list();
                }
            }
            if self.token.kind != T::Dot {
                return;
            }
            while self.token.kind == T::Dot {
                self.bump();
            }
        }
    }
}
