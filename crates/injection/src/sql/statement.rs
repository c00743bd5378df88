//! Whole statements: what may follow a semicolon.

use super::clause::Grade;
use super::facts::Facts;
use super::lex::T;
use super::parse::{DEPTH_MAX, Parser};
use super::words::Word;

impl Parser<'_> {
    /// Whether a statement begins here; reads as much of it as makes it one.
    pub(super) fn statement(&mut self) -> bool {
        if self.depth >= DEPTH_MAX {
            return false;
        }
        self.depth += 1;
        let found = self.any_statement();
        self.depth -= 1;
        found
    }

    fn any_statement(&mut self) -> bool {
        let T::Word(word) = self.token.kind else {
            return false;
        };
        match word {
            Word::Select => self.select() >= Grade::Plain,
            Word::Waitfor => {
                self.waitfor();
                self.facts.any(Facts::EFFECT)
            }
            Word::Declare => {
                self.bump();
                let variable = matches!(self.token.kind, T::Variable { .. });
                self.bump();
                variable || self.is(Word::Type) && self.peek() == T::Word(Word::For)
            }
            Word::Exec => self.execute(),
            Word::Insert => self.insert(),
            Word::Update => self.update(),
            Word::Delete => {
                self.bump();
                for _ in 0..2 {
                    if self.is(Word::Name) {
                        self.bump();
                    }
                }
                self.eat(Word::From)
                    && self.name_then(|kind| {
                        matches!(
                            kind,
                            T::End | T::Comment { .. } | T::Semicolon | T::Word(Word::Where)
                        )
                    })
            }
            Word::Define => self.define(),
            Word::Shutdown => {
                self.bump();
                matches!(
                    self.token.kind,
                    T::End | T::Comment { .. } | T::Semicolon | T::Word(Word::End)
                )
            }
            Word::Set => {
                self.bump();
                let variable = matches!(self.token.kind, T::Variable { .. });
                self.bump();
                variable && matches!(self.token.kind, T::Compare | T::Assign)
            }
            Word::If => {
                self.bump();
                let joined = matches!(self.token.kind, T::Open | T::Word(Word::Not | Word::Exists));
                joined && self.operand().is_some() && {
                    self.tail(None, false);
                    self.facts
                        .any(Facts::SUBQUERY | Facts::EFFECT | Facts::FIRM)
                }
            }
            Word::Begin | Word::Goto => self.block(),
            Word::Use => self.name_after(|kind| matches!(kind, T::Word(Word::Exec))),
            Word::Load => {
                self.bump();
                self.bump();
                self.mentions(|kind| matches!(kind, T::Str { .. }), 4)
            }
            Word::Do => {
                self.bump();
                self.expression(false);
                self.facts.any(
                    Facts::FIRM
                        | Facts::DANGEROUS
                        | Facts::SUBQUERY
                        | Facts::CALL
                        | Facts::FUNCTION,
                ) || self.facts.all(Facts::GROUP | Facts::CLEAN)
            }
            Word::Function | Word::Dangerous => {
                self.expression(false);
                self.facts.any(Facts::FIRM | Facts::DANGEROUS)
            }
            _ => false,
        }
    }

    fn name_then(&mut self, end: fn(T) -> bool) -> bool {
        if !matches!(self.token.kind, T::Word(word) if word.is_name()) {
            return false;
        }
        self.bump();
        while self.token.kind == T::Dot {
            self.bump();
            self.bump();
        }
        end(self.token.kind)
    }

    fn name_after(&mut self, end: fn(T) -> bool) -> bool {
        self.bump();
        self.name_then(end)
    }

    fn mentions(&mut self, wanted: fn(T) -> bool, within: usize) -> bool {
        for _ in 0..within {
            if wanted(self.token.kind) {
                return true;
            }
            self.bump();
        }
        false
    }

    /// `EXEC xp_…`, `EXEC('…')`, `EXECUTE IMMEDIATE '…'`, `EXEC @x`, `EXEC a.b.c`.
    pub(super) fn execute(&mut self) -> bool {
        self.bump();
        match self.token.kind {
            T::Open => {
                self.bump();
                matches!(self.token.kind, T::Variable { .. })
            }
            T::Variable { .. } => true,
            T::Word(Word::Dangerous | Word::As) => true,
            T::Word(_) => {
                let token = self.bump();
                let procedure = self
                    .text(token)
                    .get(..3)
                    .is_some_and(|start| start.eq_ignore_ascii_case(b"sp_"));
                procedure || self.token.kind == T::Dot
            }
            _ => false,
        }
    }

    fn insert(&mut self) -> bool {
        self.bump();
        if !self.eat(Word::Into) {
            return false;
        }
        self.name_then(|kind| {
            matches!(
                kind,
                T::Open | T::Word(Word::Values | Word::Select | Word::Set | Word::Exec)
            )
        })
    }

    fn update(&mut self) -> bool {
        self.bump();
        if !self.name_then(|kind| kind == T::Word(Word::Set)) {
            return false;
        }
        self.bump();
        self.name_then(|kind| matches!(kind, T::Compare))
            || matches!(self.token.kind, T::Word(_)) && self.peek() == T::Compare
    }

    /// `DROP TABLE name`, `CREATE USER name`, `ALTER …`, `TRUNCATE …`, `GRANT … TO`.
    fn define(&mut self) -> bool {
        self.bump();
        for _ in 0..3 {
            if matches!(self.token.kind, T::Word(Word::Object | Word::Procedure)) {
                self.bump();
                if self.eat(Word::If) {
                    self.eat(Word::Not);
                    self.eat(Word::Exists);
                }
                return matches!(self.token.kind, T::Word(word) if word.is_name())
                    || matches!(self.token.kind, T::Variable { .. });
            }
            if !matches!(self.token.kind, T::Word(_)) {
                return false;
            }
            self.bump();
        }
        false
    }

    fn block(&mut self) -> bool {
        for _ in 0..16 {
            self.bump();
            match self.token.kind {
                T::Word(Word::Dangerous) => return matches!(self.peek(), T::Open | T::Dot),
                T::Word(
                    Word::Declare
                    | Word::Exec
                    | Word::Shutdown
                    | Word::Waitfor
                    | Word::Select
                    | Word::Define,
                ) => {
                    return self.statement();
                }
                T::End | T::Comment { .. } => return false,
                _ => {}
            }
        }
        false
    }
}
