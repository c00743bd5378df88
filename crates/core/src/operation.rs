//! The rows of a service's operation table: what a call is, and which questions it asks before it is done.
//!
//! Rows are data: `operations.json` in the service's folder, checked at build against the action table. An operation without a row
//! cannot be dispatched, so nothing can be reached that nobody thought about.

/// One operation's row.
#[derive(Debug)]
pub struct OperationRow {
    /// The operation's name in the model, such as `CreateUser`.
    pub name: &'static str,
    /// Whether it changes anything: CloudTrail's `readOnly`.
    pub kind: CallKind,
    /// Who may call it.
    pub permission: Permission,
    /// It hands out credentials: its record is durable before the answer leaves, although nothing was written.
    pub gives_credentials: bool,
    /// It gives out what is kept secret from the account's readers (a decrypted text, an object), or what no branch has a copy
    /// of (the journal, other branches, the server's figures): on a what-if branch it answers only if the same caller may make
    /// it on the real state too.
    pub discloses: bool,
    /// What it is given is kept and echoed, but has no effect yet: `palisade coverage` counts it apart.
    pub stored_only: bool,
    /// It may walk much of the journal: it is run where waiting holds up nobody.
    pub takes_long: bool,
}

/// Whether a call only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Changes nothing.
    Read,
    /// Changes something when it succeeds.
    Write,
}

/// Who may call an operation.
#[derive(Debug)]
pub enum Permission {
    /// Any authenticated principal, whatever its policies say (GetCallerIdentity, GetSessionToken).
    None,
    /// Anybody, unsigned: the request carries its own proof (AssumeRoleWithWebIdentity).
    Unsigned,
    /// Whoever gets an Allow for every one of these questions whose `when` holds.
    Authorize(&'static [Authorization]),
}

/// One question: may the caller do this action on that resource?
#[derive(Debug)]
pub struct Authorization {
    /// The IAM action, such as `iam:CreateUser`.
    pub action: &'static str,
    /// The resource it is asked about.
    pub resource: ResourceSpec,
    /// Asked only if this input member is present.
    pub when: Option<&'static str>,
    /// Condition keys filled from input members. `aws:RequestTag/…` and `aws:TagKeys` come by themselves from a `Tags` member.
    pub context: &'static [ContextKey],
}

/// How the resource of a question is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceSpec {
    /// `*`: the action knows no resource.
    Any,
    /// An ARN with `${Partition}`, `${Region}`, `${Account}` and `${Member}` of the input; a missing `${Path}` is `/`.
    Template(&'static str),
    /// A resolver of the service, by name: it looks the resource up, with its true path, tags and policy.
    Resolver(&'static str),
}

/// A condition key and the input member that gives its value (dots lead into nested members).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextKey {
    /// The condition key, such as `iam:PolicyARN`.
    pub key: &'static str,
    /// The input member, such as `PolicyArn`.
    pub member: &'static str,
}
