//! AWS managed keys: one for each service that has one, made when it is first used. Its policy lets the callers of the service use it
//! through the service, and the account look at it; nobody can change it.
//!
//! Sources: KMS Developer Guide, "AWS managed keys", "Key policies of AWS managed keys"; the model's text of ListAliases; the services'
//! pages on their keys. Which aliases there are before anything was used was read off a real account, and so was the form of the policies.

use palisade_core::{AccountId, Call, CallError};
use palisade_keyring::spec::{KeySpec, KeyUsage};
use palisade_model::ApiError;
use serde_json::json;

use crate::keys::{Found, damaged};
use crate::lifecycle::new_id;
use crate::names::{self, Named};
use crate::rotation::{DAY_MS, PERIOD_DAYS};
use crate::tables::{ALIASES, ALIASES_OF_KEY, Alias, KEYS, Key, Origin, RINGS, Ring, Rotation};
use crate::{material, timers};

/// What the aliases of AWS managed keys begin with.
const PREFIX: &str = "alias/aws/";

/// A key that a service may come to have in each account and Region.
#[derive(Debug)]
pub(crate) struct Managed {
    /// Its alias, behind `alias/aws/`.
    name: &'static str,
    /// The service, as its policy names it.
    title: &'static str,
    /// Its endpoint, before the Region.
    via: &'static str,
    /// What the key protects.
    protects: &'static str,
}

const fn managed(
    name: &'static str,
    title: &'static str,
    via: &'static str,
    protects: &'static str,
) -> Managed {
    Managed {
        name,
        title,
        via,
        protects,
    }
}

/// In the order of their aliases.
pub(crate) static ALL: [Managed; 12] = [
    managed("dynamodb", "Amazon DynamoDB", "dynamodb", "DynamoDB data"),
    managed("ebs", "EBS", "ec2", "EBS volumes"),
    managed(
        "elasticfilesystem",
        "EFS",
        "elasticfilesystem",
        "EFS file systems",
    ),
    managed("es", "Amazon OpenSearch Service", "es", "OpenSearch data"),
    managed("glue", "Glue", "glue", "Glue data"),
    managed(
        "kinesisvideo",
        "Kinesis Video",
        "kinesisvideo",
        "Kinesis Video data",
    ),
    managed("rds", "RDS", "rds", "RDS database volumes"),
    managed("redshift", "Redshift", "redshift", "Redshift clusters"),
    managed("s3", "S3", "s3", "S3 objects"),
    managed(
        "secretsmanager",
        "AWS Secrets Manager",
        "secretsmanager",
        "Secrets Manager data",
    ),
    managed("ssm", "SSM", "ssm", "SSM parameters"),
    managed("xray", "X-Ray", "xray", "X-Ray data"),
];

impl Managed {
    /// The one behind an alias.
    pub fn of_alias(alias: &str) -> Option<&'static Self> {
        let name = alias.strip_prefix(PREFIX)?;
        ALL.iter().find(|managed| managed.name == name)
    }

    /// Its alias.
    pub fn alias(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    /// Its key policy.
    pub fn policy(&self, account: &AccountId, region: &str) -> String {
        let title = self.title;
        let mut uses = vec![
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
        ];
        let mut looks = vec!["kms:Describe*", "kms:Get*", "kms:List*"];
        // S3 makes no grants.
        if self.name != "s3" {
            uses.push("kms:CreateGrant");
            looks.push("kms:RevokeGrant");
        }
        uses.push("kms:DescribeKey");
        let policy = json!({
            "Version": "2012-10-17",
            "Id": format!("auto-{}-1", self.name),
            "Statement": [{
                "Sid": format!("Allow access through {title} for all principals in the account that are authorized to use {title}"),
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": uses,
                "Resource": "*",
                "Condition": {"StringEquals": {
                    "kms:CallerAccount": account.as_str(),
                    "kms:ViaService": format!("{}.{region}.amazonaws.com", self.via),
                }},
            }, {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
                "Action": looks,
                "Resource": "*",
            }],
        });
        policy.to_string()
    }
}

/// Aliases of AWS managed keys are nobody's to make, change or delete.
pub(crate) fn check_not_reserved(alias: &str) -> Result<(), ApiError> {
    if alias.starts_with(PREFIX) {
        return Err(ApiError::sender("NotAuthorizedException", ""));
    }
    Ok(())
}

/// The key that an identifier means and that is not there yet: of the caller's own account.
pub(crate) fn unmade(call: &Call<'_>, id: &str) -> Result<Option<&'static Managed>, CallError> {
    Ok(match names::parse(call, id)? {
        Named::Alias { account, name } if account == *call.account() => Managed::of_alias(&name),
        _ => None,
    })
}

/// Makes it. It counts against no quota, and is rotated every year.
pub(crate) fn make(call: &mut Call<'_>, managed: &'static Managed) -> Result<Found, CallError> {
    let account = call.account().clone();
    let region = call.context.region.as_str().to_owned();
    let id = new_id(call, false)?;
    let spec = KeySpec::SymmetricDefault;
    let now_ms = call.now_ms();
    let next_ms = now_ms + i64::from(PERIOD_DAYS) * DAY_MS;
    let ring = Ring {
        spec: spec.as_str().to_owned(),
        usage: KeyUsage::EncryptDecrypt.as_str().to_owned(),
        origin: Origin::AwsKms,
        multi_region: false,
        primary: region.clone(),
        regions: vec![region.clone()],
        materials: vec![material::make_first(call, &id, spec)?],
        rotation: Some(Rotation {
            period_days: PERIOD_DAYS,
            next_ms,
        }),
        pending: None,
        managed: true,
    };
    let key = Key {
        created_ms: now_ms,
        description: format!(
            "Default key that protects my {} when no other key is defined",
            managed.protects
        ),
        enabled: true,
        deletion: None,
        policy: managed.policy(&account, &region),
        trusted: Vec::new(),
        tags: Vec::new(),
        imported: Vec::new(),
    };
    let alias = Alias {
        key: id.clone(),
        created_ms: now_ms,
        updated_ms: now_ms,
    };
    let name = managed.alias();
    let (account, region, key_id) = (account.as_str(), region.as_str(), id.as_str());
    call.tx.put(&RINGS, &(account, key_id), &ring)?;
    call.tx.put(&KEYS, &(account, region, key_id), &key)?;
    call.tx
        .put(&ALIASES, &(account, region, name.as_str()), &alias)?;
    let of_key = (account, region, key_id, name.as_str());
    call.tx.put(&ALIASES_OF_KEY, &of_key, &())?;
    timers::set_at(call.tx, next_ms, account, region, key_id)?;
    let found = Found::look(call.tx, &call.account().clone(), region, key_id)?;
    Ok(found.ok_or_else(|| damaged("a new key is not there"))?)
}

#[cfg(test)]
mod tests {
    use palisade_policy::{Policy, PolicyKind};

    use super::*;

    #[test]
    fn all_have_valid_policies_and_are_in_order() {
        let account = AccountId::new("111122223333").unwrap();
        for managed in &ALL {
            let policy = Policy::parse(&managed.policy(&account, "eu-west-1")).unwrap();
            policy.validate(PolicyKind::Resource).unwrap();
            assert!(Managed::of_alias(&managed.alias()).is_some());
        }
        assert!(ALL.is_sorted_by_key(|managed| managed.name));
        assert!(Managed::of_alias("alias/aws/nothing").is_none());
        assert!(Managed::of_alias("alias/ebs").is_none());
    }
}
