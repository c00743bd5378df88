//! The list of columns of a query, as far as it tells SQL from English.

/// What stands between `SELECT` and `FROM`.
#[derive(Default)]
pub(super) struct List {
    pub(super) tokens: u32,
    pub(super) signs: u32,
    /// Signs that English has no use for: calls, stars, numbers, variables, brackets.
    pub(super) hard: u32,
    /// A dot right behind the keyword: a method of something named `select`.
    pub(super) began_with_dot: bool,
    /// How many of the signs are strings.
    pub(super) strings: u32,
    pub(super) commas: u32,
    pub(super) prose: bool,
}

impl List {
    /// Enough columns that are no words.
    pub(super) fn sure(&self) -> bool {
        !self.prose && self.commas >= 4 && self.hard >= 3
    }
}
