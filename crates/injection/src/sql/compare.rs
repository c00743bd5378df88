//! Comparisons, in signs and in words.

use super::facts::Facts;
use super::lex::{T, Token};
use super::parse::{Class, Parser};
use super::words::Word;

impl Parser<'_> {
    pub(super) fn compare(&mut self, left: Option<(Class, Token)>) -> Option<Class> {
        let operator = self.bump();
        match operator.kind {
            T::DoubleEqual => self.note(Facts::PROGRAM),
            T::Word(Word::Sounds) if !self.eat(Word::Like) => return None,
            T::Word(_) => self.note(Facts::WORDY),
            _ => {}
        }
        while matches!(self.token.kind, T::Compare) {
            self.bump();
        }
        let start = self.token;
        let right = self.operand()?;
        let (before, token) = left.unwrap_or((Class::Constant, start));
        let same = self.facts.any(Facts::LOGIC)
            && before == Class::Name
            && right == Class::Name
            && !self.text(token).is_empty()
            && self.text(token).eq_ignore_ascii_case(self.text(start));
        let known = |class: Class| class <= Class::Sql;
        if (known(before) && known(right) && left.is_some()) || same {
            self.note(Facts::FIRM);
        }
        self.note(Facts::COMPARE);
        Some(before.max(right))
    }

    pub(super) fn is_test(&mut self, class: Class) -> Option<Class> {
        self.bump();
        self.eat(Word::Not);
        match self.token.kind {
            T::Word(Word::Null | Word::Bool) => {
                self.bump();
                self.note(Facts::COMPARE | Facts::WORDY);
                Some(class)
            }
            _ => None,
        }
    }

    pub(super) fn in_list(&mut self, class: Class) -> Option<Class> {
        self.bump();
        if matches!(self.token.kind, T::Word(Word::Name | Word::Join)) {
            return self.text_search_mode(class);
        }
        if self.token.kind != T::Open {
            return None;
        }
        let inside = self.group()?;
        if class <= Class::Sql && inside <= Class::Sql {
            self.note(Facts::FIRM);
        }
        self.note(Facts::COMPARE | Facts::WORDY);
        Some(class)
    }

    /// `IN BOOLEAN MODE)`, `IN NATURAL LANGUAGE MODE)`: the end of a full-text search.
    fn text_search_mode(&mut self, class: Class) -> Option<Class> {
        for _ in 0..3 {
            let token = self.bump();
            if self.text(token).eq_ignore_ascii_case(b"mode") {
                return (self.token.kind == T::Close).then_some(class);
            }
        }
        None
    }

    pub(super) fn between(&mut self, class: Class) -> Option<Class> {
        self.bump();
        let low = self.operand()?;
        if !self.eat(Word::And) {
            return None;
        }
        let high = self.operand()?;
        if class.max(low).max(high) <= Class::Sql {
            self.note(Facts::FIRM);
        }
        self.note(Facts::COMPARE | Facts::WORDY);
        Some(class)
    }
}
