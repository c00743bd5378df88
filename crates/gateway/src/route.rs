//! Where a request is aimed: which service, region and branch.

use palisade_core::{Region, Regions};
use palisade_model::{Protocol, ServiceModel, catalog};
use palisade_sigv4::{AuthError, Carrier, Credentialed, PathForm, Rules, ScopeFault};
use palisade_wire::{Hint, Request};

/// The prefix of the endpoint URL of a what-if branch.
pub const BRANCH_PREFIX: &str = "/_palisade/what-if/";

/// A path with the branch it names taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The branch; `None` for the real state.
    pub branch: Option<&'a str>,
    /// The path the service sees.
    pub path: &'a str,
}

impl<'a> Target<'a> {
    /// Takes `/_palisade/what-if/BRANCH` off a path.
    pub fn of(path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix(BRANCH_PREFIX) else {
            return Self { branch: None, path };
        };
        match rest.find('/') {
            Some(end) => Self {
                branch: Some(&rest[..end]),
                path: &rest[end..],
            },
            None => Self {
                branch: Some(rest),
                path: "/",
            },
        }
    }
}

impl Target<'_> {
    /// Whether a path can be read in two ways. Signatures of most services cover the path without its `.`, `..` and empty
    /// segments, so a request that was signed for a branch must not reach the real state by being sent as
    /// `//_palisade/what-if/BRANCH/`, nor one branch in place of another.
    pub fn is_ambiguous(&self, signing_name: &str) -> bool {
        let form = Rules::for_service(signing_name).path;
        let own = signing_name == "palisade";
        let misleads = |segment: &str| match segment {
            "." | ".." => true,
            "_palisade" => !own,
            _ => false,
        };
        form == PathForm::Normalized && self.path.split('/').any(misleads)
    }
}

/// The services a request may be meant for, best first: those signed with the name in the scope, of several the one that its
/// `X-Amz-Target` names; unsigned, those that what it shows or its host name tells.
pub fn candidates(claim: Option<&Credentialed<'_>>, request: &Request<'_>) -> Vec<&'static str> {
    let signed: Option<Vec<&'static str>> =
        claim.map(|claim| catalog::signed_as(claim.service()).collect());
    if let Some(names) = signed.as_ref().filter(|names| names.len() < 2) {
        return names.clone();
    }
    let hint = Hint::of(request);
    let named = match &hint {
        Hint::Target { prefix, .. }
        | Hint::RpcV2 {
            service: prefix, ..
        } => catalog::targeted_as(prefix),
        Hint::Action { .. } | Hint::Nothing => None,
    };
    if let Some(names) = signed {
        return named
            .or_else(|| by_account_header(request))
            .filter(|name| names.contains(name))
            .map_or(names, |name| vec![name]);
    }
    match (named, hint) {
        (Some(name), _) => vec![name],
        (
            None,
            Hint::Action {
                version: Some(version),
                ..
            },
        ) => with_version(&version),
        (None, _) => {
            let host = request.header("host").unwrap_or_default();
            catalog::hosted_as(host.split(['.', ':']).next().unwrap_or_default()).collect()
        }
    }
}

/// The services that are called by forms of this API version.
fn with_version(version: &str) -> Vec<&'static str> {
    let all = catalog::services().iter();
    let matching = all.filter(|service| {
        let metadata = &service.metadata;
        let forms = [Protocol::Query, Protocol::Ec2];
        metadata.api_version == version
            && metadata
                .protocols
                .iter()
                .any(|protocol| forms.contains(protocol))
    });
    matching.map(|service| service.name).collect()
}

/// S3 Control has S3's name in its signatures and paths that S3 would take for keys; its requests alone name an account.
fn by_account_header(request: &Request<'_>) -> Option<&'static str> {
    request.header("x-amz-account-id").map(|_| "s3control")
}

/// The region of a signature's scope, if it is served. Services with a global endpoint take any name, for clients with an endpoint
/// of their own sign as they like; one that is not served then stands for us-east-1, where the global endpoint is.
pub fn region(
    served: &Regions,
    claim: &Credentialed<'_>,
    model: &ServiceModel,
) -> Result<Region, AuthError> {
    if let Some(region) = served.named(claim.region()) {
        return Ok(region.clone());
    }
    if is_global(model) || model.metadata.endpoint_prefix == "sts" {
        return Ok(Region::us_east_1());
    }
    Err(AuthError::WrongScope {
        faults: vec![ScopeFault::Region {
            got: claim.region().to_owned(),
            expected: Region::us_east_1().to_string(),
        }],
        presigned: claim.carrier() != Carrier::Header,
    })
}

/// Services with one endpoint for all regions: their events show in us-east-1.
pub fn is_global(model: &ServiceModel) -> bool {
    matches!(
        model.metadata.endpoint_prefix,
        "iam" | "organizations" | "palisade"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_ambiguous() {
        let of = |path, service| Target::of(path).is_ambiguous(service);
        for path in [
            "//_palisade/what-if/b1/",
            "/x/../_palisade/what-if/b1/",
            "/./_palisade/what-if/b1",
            "/_palisade/what-if",
            "/_palisade/what-if/b1/../../..",
            "/_palisade/what-if/b2/../b1/",
            "/_palisade/what-if/b1/_palisade/what-if/b2/",
        ] {
            assert!(of(path, "iam"), "{path}");
        }
        for path in ["/", "/_palisade/what-if/b1", "/_palisade/what-if/b1/"] {
            assert!(!of(path, "iam"), "{path}");
        }
        assert!(!of("/_palisade/explain/1", "palisade"));
        assert!(of("/_palisade/what-if/b1/../explain/1", "palisade"));
        assert!(
            !of("/bucket/a/../b", "s3"),
            "S3 signs the path as it is sent"
        );
    }

    #[test]
    fn a_branch_is_taken_off_the_path() {
        let of = Target::of;
        assert_eq!(
            of("/"),
            Target {
                branch: None,
                path: "/"
            }
        );
        assert_eq!(
            of("/_palisade/what-if/b1"),
            Target {
                branch: Some("b1"),
                path: "/"
            }
        );
        assert_eq!(
            of("/_palisade/what-if/b1/"),
            Target {
                branch: Some("b1"),
                path: "/"
            }
        );
        assert_eq!(
            of("/_palisade/what-if/b1/a/b"),
            Target {
                branch: Some("b1"),
                path: "/a/b"
            }
        );
        assert_eq!(
            of("/_palisade/what-if"),
            Target {
                branch: None,
                path: "/_palisade/what-if"
            }
        );
    }
}
