//! Reads of what does not exist here: passwords, MFA devices, certificates, keys of other kinds, identity providers. Clients ask
//! for them on the way (Terraform before it removes a user, audit tools always), and the answer is the truth: there are none.

use palisade_core::{Call, CallError, Handlers};

use crate::api::*;
use crate::named::{no_such_entity, read};
use crate::{tables, users};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on(
            "GetLoginProfile",
            |call, i: GetLoginProfileInput| -> Result<GetLoginProfileOutput, _> {
                Err(no_login_profile(call, i.user_name.as_deref())?)
            },
        )
        .on(
            "DeleteLoginProfile",
            |call, i: DeleteLoginProfileInput| -> Result<DeleteLoginProfileOutput, _> {
                Err(no_login_profile(call, i.user_name.as_deref())?)
            },
        )
        .on(
            "GetAccountPasswordPolicy",
            |call, _: GetAccountPasswordPolicyInput| -> Result<GetAccountPasswordPolicyOutput, _> {
                let account = call.account();
                Err(no_such_entity(format!(
                    "The Password Policy with domain name {account} cannot be found."
                )))
            },
        )
        .on("ListMFADevices", |call, i: ListMFADevicesInput| {
            check_user(call, i.user_name.as_deref())?;
            Ok(ListMFADevicesOutput {
                mfa_devices: Vec::new(),
                is_truncated: Some(false),
                marker: None,
            })
        })
        .on(
            "ListVirtualMFADevices",
            |_, _: ListVirtualMFADevicesInput| {
                Ok(ListVirtualMFADevicesOutput {
                    virtual_mfa_devices: Vec::new(),
                    is_truncated: Some(false),
                    marker: None,
                })
            },
        )
        .on("ListSSHPublicKeys", |call, i: ListSSHPublicKeysInput| {
            check_user(call, i.user_name.as_deref())?;
            Ok(ListSSHPublicKeysOutput {
                ssh_public_keys: Some(Vec::new()),
                is_truncated: Some(false),
                marker: None,
            })
        })
        .on(
            "ListSigningCertificates",
            |call, i: ListSigningCertificatesInput| {
                check_user(call, i.user_name.as_deref())?;
                Ok(ListSigningCertificatesOutput {
                    certificates: Vec::new(),
                    is_truncated: Some(false),
                    marker: None,
                })
            },
        )
        .on(
            "ListServiceSpecificCredentials",
            |call, i: ListServiceSpecificCredentialsInput| {
                if i.all_users != Some(true) {
                    check_user(call, i.user_name.as_deref())?;
                }
                Ok(ListServiceSpecificCredentialsOutput {
                    service_specific_credentials: Some(Vec::new()),
                    is_truncated: Some(false),
                    marker: None,
                })
            },
        )
        .on(
            "ListServerCertificates",
            |_, _: ListServerCertificatesInput| {
                Ok(ListServerCertificatesOutput {
                    server_certificate_metadata_list: Vec::new(),
                    is_truncated: Some(false),
                    marker: None,
                })
            },
        )
        .on(
            "ListOpenIDConnectProviders",
            |_, _: ListOpenIDConnectProvidersInput| {
                Ok(ListOpenIDConnectProvidersOutput {
                    open_id_connect_provider_list: Some(Vec::new()),
                })
            },
        )
        .on("ListSAMLProviders", |_, _: ListSAMLProvidersInput| {
            Ok(ListSAMLProvidersOutput {
                saml_provider_list: Some(Vec::new()),
            })
        })
}

/// The user that is named must exist; a caller that names none must be one that has such things.
fn check_user(call: &mut Call<'_>, name: Option<&str>) -> Result<(), CallError> {
    if name.is_none() && call.context.caller.identity == palisade_core::Identity::Root {
        return Ok(());
    }
    let name = users::named_or_caller(call, name)?;
    read::<tables::User>(call, &name)?;
    Ok(())
}

/// That a user has no password, once it is known that there is such a user.
fn no_login_profile(call: &mut Call<'_>, user: Option<&str>) -> Result<CallError, CallError> {
    let name = users::named_or_caller(call, user)?;
    read::<tables::User>(call, &name)?;
    Ok(no_such_entity(format!(
        "Login Profile for User {name} cannot be found."
    )))
}
