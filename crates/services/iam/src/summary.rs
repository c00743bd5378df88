//! `GetAccountSummary`: how much there is, and how much there may be.

use palisade_core::{Call, CallError, Handlers};
use palisade_model::OrderedMap;

use crate::accounts;
use crate::api::*;
use crate::limits;
use crate::named::{Named, rows};
use crate::tables::{Group, InstanceProfile, ManagedPolicy, Role, User};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers.on("GetAccountSummary", get)
}

fn get(
    call: &mut Call<'_>,
    _: GetAccountSummaryInput,
) -> Result<GetAccountSummaryOutput, CallError> {
    let account = accounts::read(call)?;
    let mut versions = 0;
    let policies = count::<ManagedPolicy>(call, |policy| versions += policy.versions.len())?;
    let counted = [
        (
            "AccountAccessKeysPresent",
            usize::from(!account.root_keys.is_empty()),
        ),
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 0),
        ("AccountSigningCertificatesPresent", 0),
        ("Groups", count::<Group>(call, |_| ())?),
        ("InstanceProfiles", count::<InstanceProfile>(call, |_| ())?),
        ("MFADevices", 0),
        ("MFADevicesInUse", 0),
        ("Policies", policies),
        ("PolicyVersionsInUse", versions),
        ("Providers", 0),
        ("Roles", count::<Role>(call, |_| ())?),
        ("ServerCertificates", 0),
        ("Users", count::<User>(call, |_| ())?),
        // The quotas that are enforced.
        ("AccessKeysPerUserQuota", limits::ACCESS_KEYS),
        ("AssumeRolePolicySizeQuota", limits::TRUST_CHARACTERS),
        ("AttachedPoliciesPerGroupQuota", limits::ATTACHED_POLICIES),
        ("AttachedPoliciesPerRoleQuota", limits::ATTACHED_POLICIES),
        ("AttachedPoliciesPerUserQuota", limits::ATTACHED_POLICIES),
        ("GroupPolicySizeQuota", limits::GROUP_INLINE_CHARACTERS),
        ("GroupsPerUserQuota", limits::GROUPS_PER_USER),
        ("PolicySizeQuota", limits::POLICY_CHARACTERS),
        ("RolePolicySizeQuota", limits::ROLE_INLINE_CHARACTERS),
        ("UserPolicySizeQuota", limits::USER_INLINE_CHARACTERS),
        ("VersionsPerPolicyQuota", limits::POLICY_VERSIONS),
        // Session tokens are good in every region.
        ("GlobalEndpointTokenVersion", 2),
    ];
    let counted = counted
        .into_iter()
        .map(|(name, count)| (name, i32::try_from(count).unwrap_or(i32::MAX)));
    let mut map: Vec<_> = counted
        .chain(limits::ACCOUNT.iter().copied())
        .map(|(name, n)| (name.to_owned(), n))
        .collect();
    map.sort();
    Ok(GetAccountSummaryOutput {
        summary_map: Some(OrderedMap(map)),
    })
}

fn count<T: Named>(call: &Call<'_>, mut each: impl FnMut(&T)) -> Result<usize, CallError> {
    const CHUNK: usize = 1000;
    let mut count = 0;
    let mut after: Option<String> = None;
    loop {
        let rows = rows::<T>(call, after.as_deref(), CHUNK, |_| Ok(true))?;
        rows.iter().for_each(|(_, row)| each(row));
        count += rows.len();
        if rows.len() < CHUNK {
            return Ok(count);
        }
        after = rows.into_iter().last().map(|(key, _)| key);
    }
}
