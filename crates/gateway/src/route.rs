//! Where a request is aimed: which service, region and branch.

use palisade_core::Region;
use palisade_model::{ServiceModel, catalog};
use palisade_sigv4::Credentialed;
use palisade_wire::Request;

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

/// The services a request may be meant for, best first: those signed with the name in the scope, else the one its `X-Amz-Target` or
/// host names, else those whose version a form gives.
pub fn candidates(claim: Option<&Credentialed<'_>>, request: &Request<'_>) -> Vec<&'static str> {
    let target = request
        .header("x-amz-target")
        .and_then(|target| target.split_once('.'));
    let by_target = target.and_then(|(prefix, _)| catalog::targeted_as(prefix));
    if let Some(claim) = claim {
        let signed: Vec<&'static str> = catalog::signed_as(claim.service()).collect();
        // Of several services behind one name, the target tells.
        let narrowed = by_target.filter(|name| signed.contains(name));
        let names = narrowed.map_or(signed, |name| vec![name]);
        return names;
    }
    if let Some(name) = by_target {
        return vec![name];
    }
    let host = request.header("host").unwrap_or_default();
    let label = host.split(['.', ':']).next().unwrap_or_default();
    catalog::hosted_as(label).collect()
}

/// The region of a signature's scope; global services may be signed for any. `None` where it is no region's name.
pub fn region(claim: Option<&Credentialed<'_>>) -> Option<Region> {
    match claim {
        Some(claim) => Region::new(claim.region()).ok(),
        None => Some(Region::us_east_1()),
    }
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
