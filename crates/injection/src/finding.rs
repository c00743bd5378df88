//! What a detector says: the kind of attack, where it stands in the value, and why.

/// The family of an attack, as a rule group names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// SQL that changes, ends or extends the statement the value is placed in.
    Sql,
    /// Markup or script that a browser would run.
    Xss,
    /// A command for a Unix shell.
    Shell,
    /// A command for cmd.exe.
    Windows,
    /// A path that leaves its folder or names a file no client should.
    Path,
    /// An address a server would include code from.
    Rfi,
    /// PHP code, a PHP wrapper or PHP's own variables.
    Php,
    /// A template expression evaluated on the server.
    Template,
    /// An operator or script for a document database.
    NoSql,
    /// A filter that changes an LDAP search.
    Ldap,
    /// An expression that changes an XPath query.
    XPath,
    /// XML that declares or includes something external.
    Xxe,
    /// A server-side include.
    Ssi,
    /// A line break that starts a header of its own.
    Crlf,
    /// A line break that starts a mail command or header.
    Mail,
    /// OGNL, SpEL, expression language or the classes of Java.
    Expression,
    /// A change of an object's prototype.
    Prototype,
    /// A serialised object, or a name that makes a deserialiser build one.
    Deserialisation,
    /// GraphQL introspection or a query made to exhaust.
    GraphQl,
    /// An address inside the server's own network.
    Ssrf,
    /// A redirect that only looks as if it stayed.
    Redirect,
    /// A lookup of Java's logging library.
    Lookup,
    /// A command for PowerShell.
    PowerShell,
    /// The address of a cloud's metadata service.
    Metadata,
    /// Code that a server would evaluate.
    ServerScript,
    /// The name of a file that a server would run or read its settings from.
    Upload,
}

/// How much evidence a detector wants, with the names AWS gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum Sensitivity {
    /// Structure that has hardly another reading: the default.
    #[default]
    Low,
    /// Also what has an innocent reading, for fields where such text is not expected.
    High,
}

/// One recognised attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The family.
    pub kind: Kind,
    /// The first byte of what was recognised.
    pub start: usize,
    /// One past the last byte of what was recognised.
    pub end: usize,
    /// A stable name of the structure that was recognised, for logs and explanations.
    pub reason: &'static str,
}

impl Finding {
    pub(crate) fn new(kind: Kind, start: usize, end: usize, reason: &'static str) -> Self {
        debug_assert!(start <= end, "a finding ends after it starts");
        Self {
            kind,
            start,
            end,
            reason,
        }
    }
}
