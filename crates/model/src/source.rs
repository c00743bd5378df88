//! The source format of a model file, as it is written: botocore's `service-2.json`.
//!
//! Only the keys Palisade uses are read; documentation and the rest are skipped.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

#[derive(Deserialize)]
pub(crate) struct RawModel<'a> {
    pub palisade_model: Option<u32>,
    #[serde(borrow)]
    pub metadata: RawMetadata<'a>,
    #[serde(borrow, default)]
    pub operations: Ordered<'a, RawOperation<'a>>,
    #[serde(borrow)]
    pub shapes: Ordered<'a, RawShape<'a>>,
    #[serde(borrow, default)]
    pub paginators: Ordered<'a, RawPaginator<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawMetadata<'a> {
    #[serde(borrow, default)]
    pub service_id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub endpoint_prefix: Cow<'a, str>,
    #[serde(borrow)]
    pub signing_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    pub service_full_name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub protocol: Cow<'a, str>,
    #[serde(borrow, default)]
    pub protocols: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub json_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub target_prefix: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub xml_namespace: Option<RawNamespace<'a>>,
    pub aws_query_compatible: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    pub global_endpoint: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub signature_version: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawOperation<'a> {
    #[serde(borrow)]
    pub http: RawHttp<'a>,
    #[serde(borrow)]
    pub input: Option<RawReference<'a>>,
    #[serde(borrow)]
    pub output: Option<RawReference<'a>>,
    #[serde(borrow, default)]
    pub errors: Vec<RawReference<'a>>,
    #[serde(borrow)]
    pub authtype: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub auth: Vec<Cow<'a, str>>,
    #[serde(default)]
    pub deprecated: bool,
    #[serde(default)]
    pub unsigned_payload: bool,
    #[serde(borrow)]
    pub endpoint: Option<RawEndpoint<'a>>,
    #[serde(borrow)]
    pub requestcompression: Option<RawCompression<'a>>,
    #[serde(default)]
    pub http_checksum_required: bool,
    #[serde(borrow)]
    pub http_checksum: Option<RawChecksum<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawHttp<'a> {
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    #[serde(borrow)]
    pub request_uri: Cow<'a, str>,
    pub response_code: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawEndpoint<'a> {
    #[serde(borrow)]
    pub host_prefix: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(crate) struct RawCompression<'a> {
    #[serde(borrow, default)]
    pub encodings: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawChecksum<'a> {
    #[serde(borrow)]
    pub request_algorithm_member: Option<Cow<'a, str>>,
    #[serde(default)]
    pub request_checksum_required: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawShape<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub required: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub members: Ordered<'a, RawReference<'a>>,
    #[serde(borrow)]
    pub payload: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub member: Option<RawReference<'a>>,
    #[serde(borrow)]
    pub key: Option<RawReference<'a>>,
    #[serde(borrow)]
    pub value: Option<RawReference<'a>>,
    #[serde(borrow, rename = "enum", default)]
    pub values: Vec<Cow<'a, str>>,
    pub min: Option<serde_json::Number>,
    pub max: Option<serde_json::Number>,
    #[serde(borrow)]
    pub pattern: Option<Cow<'a, str>>,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub union: bool,
    #[serde(default)]
    pub document: bool,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
    #[serde(borrow)]
    pub error: Option<RawError<'a>>,
    #[serde(default)]
    pub eventstream: bool,
    #[serde(borrow)]
    pub timestamp_format: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub location_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub xml_namespace: Option<RawNamespace<'a>>,
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub jsonvalue: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawError<'a> {
    #[serde(borrow)]
    pub code: Option<Cow<'a, str>>,
    pub http_status_code: Option<u16>,
}

/// A reference to a shape, with the traits of the place that refers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawReference<'a> {
    #[serde(borrow)]
    pub shape: Cow<'a, str>,
    #[serde(borrow)]
    pub location: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub location_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub query_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub xml_namespace: Option<RawNamespace<'a>>,
    #[serde(borrow)]
    pub timestamp_format: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub result_wrapper: Option<Cow<'a, str>>,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub xml_attribute: bool,
    #[serde(default)]
    pub idempotency_token: bool,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub jsonvalue: bool,
    #[serde(default)]
    pub host_label: bool,
}

/// A namespace is a URI, or a URI with the prefix it is declared under.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum RawNamespace<'a> {
    Uri(Cow<'a, str>),
    Prefixed {
        uri: Cow<'a, str>,
        prefix: Option<Cow<'a, str>>,
    },
}

#[derive(Deserialize)]
pub(crate) struct RawPaginator<'a> {
    #[serde(borrow)]
    pub input_token: Option<OneOrMany<'a>>,
    #[serde(borrow)]
    pub output_token: Option<OneOrMany<'a>>,
    #[serde(borrow)]
    pub limit_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub more_results: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub result_key: Option<OneOrMany<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany<'a> {
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

/// The entries of a JSON object, in the order of the file.
pub(crate) struct Ordered<'a, T>(pub Vec<(Cow<'a, str>, T)>);

impl<T> Default for Ordered<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Ordered<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrderedVisitor(PhantomData))
    }
}

struct OrderedVisitor<'a, T>(PhantomData<(&'a (), T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for OrderedVisitor<'a, T> {
    type Value = Ordered<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0));
        while let Some(entry) = map.next_entry::<Cow<'a, str>, T>()? {
            entries.push(entry);
        }
        Ok(Ordered(entries))
    }
}
