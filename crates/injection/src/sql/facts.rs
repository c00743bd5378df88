//! What the grammar saw, as a set.

/// What was seen while reading, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts(pub(super) u32);

impl Facts {
    /// `OR`, `AND`, `XOR`, `&&`.
    pub(super) const LOGIC: u32 = 1;
    /// `||`.
    pub(super) const PIPES: u32 = 1 << 1;
    /// `+ - * / % …`.
    pub(super) const ARITHMETIC: u32 = 1 << 2;
    /// A comparison with a plain name on a side.
    pub(super) const COMPARE: u32 = 1 << 3;
    /// A comparison whose both sides are known to SQL alone: constants, SQL functions, subqueries.
    pub(super) const FIRM: u32 = 1 << 4;
    /// A function only SQL has.
    pub(super) const FUNCTION: u32 = 1 << 5;
    /// A function or variable about the server.
    pub(super) const ABOUT: u32 = 1 << 6;
    /// A function that waits, reads or runs.
    pub(super) const DANGEROUS: u32 = 1 << 7;
    /// A well-formed `SELECT` inside brackets.
    pub(super) const SUBQUERY: u32 = 1 << 8;
    /// `WHERE`, `HAVING`.
    pub(super) const CLAUSE: u32 = 1 << 9;
    /// `ORDER BY`, `GROUP BY`, `LIMIT` with numbers or functions.
    pub(super) const SORT: u32 = 1 << 10;
    /// `UNION SELECT`.
    pub(super) const UNION: u32 = 1 << 11;
    /// A second statement.
    pub(super) const STACKED: u32 = 1 << 12;
    /// `INTO OUTFILE '…'`, `PROCEDURE ANALYSE(`, `WAITFOR DELAY '…'`.
    pub(super) const EFFECT: u32 = 1 << 13;
    /// The rest is a comment.
    pub(super) const COMMENT: u32 = 1 << 14;
    /// The value ended inside a string: the host's own quote closes it.
    pub(super) const OPEN: u32 = 1 << 15;
    /// The value ended where the grammar may end.
    pub(super) const CLEAN: u32 = 1 << 16;
    /// A bracket of the host was closed.
    pub(super) const CLOSED: u32 = 1 << 17;
    /// `BINARY`, `CASE`, `INTERVAL`: operators no other language writes this way.
    pub(super) const UNARY: u32 = 1 << 18;
    /// A variable, `@x`.
    pub(super) const VARIABLE: u32 = 1 << 19;
    /// A logical operator whose right side is a constant or a string.
    pub(super) const LOGIC_CONSTANT: u32 = 1 << 20;
    /// A catalogue table.
    pub(super) const CATALOGUE: u32 = 1 << 21;
    /// Some function was called.
    pub(super) const CALL: u32 = 1 << 22;
    /// A comparison with `==`, which programs write.
    pub(super) const PROGRAM: u32 = 1 << 23;
    /// A comment or a `/*!` in the middle.
    pub(super) const INLINE: u32 = 1 << 24;
    /// `IS NULL`, `SOUNDS LIKE`, `RLIKE`, `BETWEEN … AND`: comparisons in words.
    pub(super) const WORDY: u32 = 1 << 25;
    /// A comma between operands.
    pub(super) const COMMA: u32 = 1 << 26;
    /// What follows the last understood token is not SQL.
    pub(super) const GARBAGE: u32 = 1 << 27;
    /// A whole `CASE WHEN … THEN … END`.
    pub(super) const CASE: u32 = 1 << 29;
    /// A firm comparison inside brackets.
    pub(super) const GROUP_FIRM: u32 = 1 << 30;
    /// A bracketed group.
    pub(super) const GROUP: u32 = 1 << 28;

    pub(super) fn any(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    pub(super) fn all(self, bits: u32) -> bool {
        self.0 & bits == bits
    }
}
