//! IAM's quotas, as data. Source: IAM User Guide, "IAM and AWS STS quotas", default values; `docs/identity.md` lists them.

/// Managed policies attached to one user, group or role.
pub(crate) const ATTACHED_POLICIES: usize = 10;
/// Groups one user is in.
pub(crate) const GROUPS_PER_USER: usize = 10;
/// Access keys of one user or of the root.
pub(crate) const ACCESS_KEYS: usize = 2;
/// Versions of one managed policy.
pub(crate) const POLICY_VERSIONS: usize = 5;
/// Tags of one thing.
pub(crate) const TAGS: usize = 50;

/// Characters of all inline policies of one user together, white space not counted; the same for the next ones.
pub(crate) const USER_INLINE_CHARACTERS: usize = 2048;
/// See [`USER_INLINE_CHARACTERS`].
pub(crate) const GROUP_INLINE_CHARACTERS: usize = 5120;
/// See [`USER_INLINE_CHARACTERS`].
pub(crate) const ROLE_INLINE_CHARACTERS: usize = 10_240;
/// Characters of one version of a managed policy, white space not counted.
pub(crate) const POLICY_CHARACTERS: usize = 6144;
/// Characters of a role's trust policy, white space not counted.
pub(crate) const TRUST_CHARACTERS: usize = 2048;

/// Items of a page when the request names no number.
pub(crate) const PAGE_ITEMS: usize = 100;
/// Items of a page at most.
pub(crate) const PAGE_ITEMS_MAX: usize = 1000;

/// Quotas of a whole account. `GetAccountSummary` reports them; they are not enforced (`docs/identity.md`).
pub(crate) const ACCOUNT: &[(&str, i32)] = &[
    ("GroupsQuota", 300),
    ("InstanceProfilesQuota", 1000),
    ("PoliciesQuota", 1500),
    ("PolicyVersionsInUseQuota", 10_000),
    ("RolesQuota", 1000),
    ("ServerCertificatesQuota", 20),
    ("SigningCertificatesPerUserQuota", 2),
    ("UsersQuota", 5000),
];
