//! The models that come with the program, read when first asked for.
//!
//! Nothing is parsed at start-up. [`services`] reads one line of each file (its metadata); [`model`] reads a file once, at
//! the first call to its service.
//!
//! ```
//! use palisade_model::catalog;
//!
//! let iam = catalog::model("iam").unwrap();
//! assert_eq!(iam.metadata.api_version, "2010-05-08");
//! assert_eq!(catalog::signed_as("elasticloadbalancing").next(), Some("elbv2"));
//! assert_eq!(catalog::targeted_as("TrentService"), Some("kms"));
//! ```

use std::sync::OnceLock;

use crate::load;
use crate::overlay::Overlay;
use crate::schema::{Metadata, ServiceModel};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

struct File {
    name: &'static str,
    model: &'static str,
    overlay: Option<&'static str>,
}

/// A service of the catalog.
#[derive(Debug)]
pub struct Service {
    /// Name of the model: botocore's, such as `cognito-idp`, `elbv2`, `s3control`.
    pub name: &'static str,
    /// What the service is called and how it is spoken to.
    pub metadata: Metadata,
    file: usize,
    model: OnceLock<&'static ServiceModel>,
}

/// Every service there is a model of, in the order of their names.
pub fn services() -> &'static [Service] {
    static SERVICES: OnceLock<Vec<Service>> = OnceLock::new();
    SERVICES.get_or_init(|| {
        FILES
            .iter()
            .enumerate()
            .map(|(file, source)| head(file, source))
            .collect()
    })
}

/// The version of botocore that the models were made from, as the files name it.
pub fn botocore_version() -> &'static str {
    let named = FILES
        .iter()
        .find_map(|file| file.model.split_once("\"botocore\":\""));
    named
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or("unknown")
}

/// The service of that name.
pub fn service(name: &str) -> Option<&'static Service> {
    services()
        .binary_search_by(|service| service.name.cmp(name))
        .ok()
        .and_then(|at| services().get(at))
}

/// The model of the service of that name, with its overlay's marks; read at the first call.
pub fn model(name: &str) -> Option<&'static ServiceModel> {
    service(name).map(Service::model)
}

/// The services whose requests are signed with that name in the credential scope: `s3` and `s3control` for `s3`.
pub fn signed_as(signing_name: &str) -> impl Iterator<Item = &'static str> {
    services()
        .iter()
        .filter(move |service| service.metadata.signing_name == signing_name)
        .map(|service| service.name)
}

/// The services whose host names begin with that label, such as `s3-control`.
pub fn hosted_as(endpoint_prefix: &str) -> impl Iterator<Item = &'static str> {
    services()
        .iter()
        .filter(move |service| service.metadata.endpoint_prefix == endpoint_prefix)
        .map(|service| service.name)
}

/// The service whose `X-Amz-Target` begins with that, before the dot.
pub fn targeted_as(target_prefix: &str) -> Option<&'static str> {
    services()
        .iter()
        .find(|service| service.metadata.target_prefix == Some(target_prefix))
        .map(|service| service.name)
}

impl Service {
    /// The model, read at the first call.
    pub fn model(&self) -> &'static ServiceModel {
        self.model.get_or_init(|| {
            let file = &FILES[self.file];
            let mut model = load::load(file.model)
                .unwrap_or_else(|error| panic!("models/{}.json: {error}", self.name));
            self.overlay().apply(&mut model);
            Box::leak(Box::new(model))
        })
    }

    /// The reviewed marks beside the model; empty where it needs none.
    pub fn overlay(&self) -> Overlay {
        FILES[self.file]
            .overlay
            .map(|json| {
                Overlay::parse(json)
                    .unwrap_or_else(|error| panic!("models/overlay/{}.json: {error}", self.name))
            })
            .unwrap_or_default()
    }

    /// Names of all operations, without reading the model.
    pub fn operation_names(&self) -> impl Iterator<Item = &'static str> {
        FILES[self.file]
            .model
            .lines()
            .skip_while(|line| !line.starts_with("\"operations\":{"))
            .skip(1)
            .map_while(|line| {
                line.strip_prefix('"')?
                    .split_once("\":{\"")
                    .map(|(name, _)| name)
            })
    }
}

/// Embedded files are part of the program, and tests read each of them: one that cannot be read is a broken build.
fn head(file: usize, source: &'static File) -> Service {
    let line = source
        .model
        .lines()
        .find_map(|line| line.strip_prefix("\"metadata\":"));
    let metadata = load::metadata_of(line.unwrap_or_default().trim_end_matches(','));
    Service {
        name: source.name,
        metadata: metadata.unwrap_or_else(|error| panic!("models/{}.json: {error}", source.name)),
        file,
        model: OnceLock::new(),
    }
}
