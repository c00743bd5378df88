//! From a model file to a [`ServiceModel`].

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::pattern::Pattern;
use crate::schema::*;
use crate::source::*;

/// A model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not the JSON of a model.
    #[error("not a model: {0}")]
    Syntax(#[from] serde_json::Error),
    /// It is written in a newer format than this program knows.
    #[error("model format {0} is not known")]
    Format(u32),
    /// Something refers to a shape that does not exist.
    #[error("{from} refers to the unknown shape {shape}")]
    UnknownShape {
        /// Who refers.
        from: String,
        /// The shape it names.
        shape: String,
    },
    /// A shape is of a type that the format does not have.
    #[error("shape {shape} has the unknown type {kind}")]
    UnknownType {
        /// The shape.
        shape: String,
        /// Its type.
        kind: String,
    },
    /// A shape lacks something its type needs, or names a member it does not have.
    #[error("shape {shape}: {problem}")]
    BadShape {
        /// The shape.
        shape: String,
        /// What is wrong.
        problem: String,
    },
    /// The service lists a protocol that is not known, or none.
    #[error("unknown protocol {0:?}")]
    UnknownProtocol(String),
}

/// Reads a model.
///
/// Names are interned for the life of the program: models come with the program, not from callers.
///
/// # Errors
/// When the file is no model, or refers to what is not in it.
pub fn load(json: &str) -> Result<ServiceModel, LoadError> {
    let raw: RawModel<'_> = serde_json::from_str(json)?;
    if let Some(format @ 2..) = raw.palisade_model {
        return Err(LoadError::Format(format));
    }
    let ids = raw
        .shapes
        .0
        .iter()
        .zip(0u32..)
        .map(|((name, _), id)| (name.as_ref(), id))
        .collect();
    let loader = Loader {
        raw: &raw.shapes.0,
        ids,
    };
    loader.model(&raw)
}

/// Reads a model that lives as long as the program.
///
/// # Errors
/// As [`load`].
pub fn load_static(json: &str) -> Result<&'static ServiceModel, LoadError> {
    load(json).map(|model| &*Box::leak(Box::new(model)))
}

/// Reads the metadata object alone, as it stands in a model.
pub(crate) fn metadata_of(json: &str) -> Result<Metadata, LoadError> {
    metadata(&serde_json::from_str(json)?)
}

/// The same text, kept once for the life of the program.
pub fn intern(text: &str) -> &'static str {
    static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    if let Some(text) = kept.get(text) {
        return text;
    }
    let text: &'static str = Box::leak(text.into());
    kept.insert(text);
    text
}

struct Loader<'a> {
    raw: &'a [(Cow<'a, str>, RawShape<'a>)],
    ids: HashMap<&'a str, u32>,
}

impl Loader<'_> {
    fn model(&self, raw: &RawModel<'_>) -> Result<ServiceModel, LoadError> {
        let shapes = self
            .raw
            .iter()
            .map(|(name, shape)| self.shape(name, shape))
            .collect::<Result<Vec<_>, _>>()?;
        let operations = raw
            .operations
            .0
            .iter()
            .map(|(name, operation)| self.operation(name, operation))
            .collect::<Result<Vec<_>, _>>()?;
        let paginators = raw
            .paginators
            .0
            .iter()
            .map(|(name, raw)| (intern(name), paginator(raw)))
            .collect();
        Ok(ServiceModel {
            metadata: metadata(&raw.metadata)?,
            operation_index: index(operations.iter().map(|operation| operation.name)),
            operations,
            shape_index: index(shapes.iter().map(|shape| shape.name)),
            error_index: error_index(&shapes),
            shapes,
            paginators,
        })
    }

    fn operation(&self, name: &str, raw: &RawOperation<'_>) -> Result<Operation, LoadError> {
        let resolve =
            |reference: &RawReference<'_>| self.resolve(name, reference).map(|(id, _)| id);
        let checksum = raw.http_checksum.as_ref();
        let input = raw.input.as_ref();
        Ok(Operation {
            name: intern(name),
            method: intern(&raw.http.method),
            uri: intern(&raw.http.request_uri),
            success_status: raw.http.response_code.unwrap_or(200),
            input: input.map(resolve).transpose()?,
            output: raw.output.as_ref().map(resolve).transpose()?,
            errors: raw.errors.iter().map(resolve).collect::<Result<_, _>>()?,
            result_wrapper: optional(raw.output.as_ref().and_then(|o| o.result_wrapper.as_ref())),
            input_location_name: optional(input.and_then(|input| input.location_name.as_ref())),
            input_xml_namespace: input.and_then(|input| namespace(input.xml_namespace.as_ref())),
            deprecated: raw.deprecated,
            authenticated: raw.authtype.as_deref() != Some("none")
                && !raw.auth.iter().any(|auth| auth == "smithy.api#noAuth"),
            unsigned_payload: raw.unsigned_payload,
            host_prefix: optional(raw.endpoint.as_ref().and_then(|e| e.host_prefix.as_ref())),
            request_compression: raw
                .requestcompression
                .as_ref()
                .map(|compression| interned(&compression.encodings))
                .unwrap_or_default(),
            checksum_required: raw.http_checksum_required
                || checksum.is_some_and(|checksum| checksum.request_checksum_required),
            checksum_member: optional(checksum.and_then(|c| c.request_algorithm_member.as_ref())),
        })
    }

    fn shape(&self, name: &str, raw: &RawShape<'_>) -> Result<Shape, LoadError> {
        Ok(Shape {
            name: intern(name),
            kind: self.kind(name, raw)?,
            sensitive: raw.sensitive,
            min: raw.min.as_ref().map(bound),
            max: raw.max.as_ref().map(bound),
            pattern: optional(raw.pattern.as_ref()).map(Pattern::new),
            location_name: optional(raw.location_name.as_ref()),
            xml_namespace: namespace(raw.xml_namespace.as_ref()),
        })
    }

    fn kind(&self, name: &str, raw: &RawShape<'_>) -> Result<ShapeKind, LoadError> {
        Ok(match raw.kind.as_ref() {
            "structure" if raw.document => ShapeKind::Document,
            "structure" => ShapeKind::Structure(self.structure(name, raw)?),
            "list" => ShapeKind::List(ListShape {
                member: self.reference(name, raw.member.as_ref())?,
                flattened: raw.flattened,
            }),
            "map" => ShapeKind::Map(MapShape {
                key: self.reference(name, raw.key.as_ref())?,
                value: self.reference(name, raw.value.as_ref())?,
                flattened: raw.flattened,
            }),
            "string" | "character" => ShapeKind::String(StringShape {
                values: interned(&raw.values),
            }),
            "blob" => ShapeKind::Blob,
            "boolean" => ShapeKind::Boolean,
            "integer" => ShapeKind::Integer,
            "long" => ShapeKind::Long,
            "float" => ShapeKind::Float,
            "double" => ShapeKind::Double,
            "timestamp" => {
                ShapeKind::Timestamp(timestamp_format(name, raw.timestamp_format.as_ref())?)
            }
            kind => {
                return Err(LoadError::UnknownType {
                    shape: name.to_owned(),
                    kind: kind.to_owned(),
                });
            }
        })
    }

    fn structure(&self, name: &str, raw: &RawShape<'_>) -> Result<StructureShape, LoadError> {
        let bad = |problem| {
            Err(LoadError::BadShape {
                shape: name.to_owned(),
                problem,
            })
        };
        let mut members = raw
            .members
            .0
            .iter()
            .map(|(member, reference)| self.member(name, member, reference))
            .collect::<Result<Vec<_>, _>>()?;
        if members.len() > usize::from(u16::MAX) {
            return bad("too many members".to_owned());
        }
        for required in &raw.required {
            match members.iter_mut().find(|member| member.name == required) {
                Some(member) => member.required = true,
                None => return bad(format!("requires {required}, which is not a member")),
            }
        }
        if let Some(payload) = &raw.payload
            && !members.iter().any(|member| member.name == payload)
        {
            return bad(format!("payload {payload} is not a member"));
        }
        let error = (raw.exception || raw.error.is_some()).then(|| ErrorTraits {
            code: optional(raw.error.as_ref().and_then(|error| error.code.as_ref())),
            status: raw.error.as_ref().and_then(|error| error.http_status_code),
            server_fault: raw.fault,
        });
        Ok(StructureShape {
            by_name: sorted(&members, |member| member.name),
            by_wire_name: sorted(&members, Member::wire_name),
            members,
            payload: optional(raw.payload.as_ref()),
            union: raw.union,
            error,
            event_stream: raw.eventstream,
        })
    }

    fn member(&self, owner: &str, name: &str, raw: &RawReference<'_>) -> Result<Member, LoadError> {
        let (shape, target) = self.resolve(owner, raw)?;
        let own_format = timestamp_format(owner, raw.timestamp_format.as_ref())?;
        // A structure's own element name counts only where it is the root of a document.
        let shape_name = (target.kind != "structure")
            .then_some(target.location_name.as_ref())
            .flatten();
        Ok(Member {
            name: intern(name),
            shape,
            required: false,
            location: location(owner, raw.location.as_deref())?,
            location_name: optional(raw.location_name.as_ref().or(shape_name)),
            query_name: optional(raw.query_name.as_ref()),
            flattened: raw.flattened || target.flattened,
            xml_attribute: raw.xml_attribute,
            xml_namespace: element_namespace(raw, target),
            timestamp_format: match own_format {
                None => timestamp_format(owner, target.timestamp_format.as_ref())?,
                own => own,
            },
            idempotency_token: raw.idempotency_token,
            sensitive: raw.sensitive || target.sensitive,
            hidden_by_overlay: false,
            streaming: raw.streaming || target.streaming,
            json_value: raw.jsonvalue || target.jsonvalue,
            host_label: raw.host_label,
        })
    }

    fn reference(
        &self,
        owner: &str,
        raw: Option<&RawReference<'_>>,
    ) -> Result<Reference, LoadError> {
        let Some(raw) = raw else {
            let problem = "lacks the type of its entries".to_owned();
            return Err(LoadError::BadShape {
                shape: owner.to_owned(),
                problem,
            });
        };
        let (shape, target) = self.resolve(owner, raw)?;
        let own_format = timestamp_format(owner, raw.timestamp_format.as_ref())?;
        Ok(Reference {
            shape,
            location_name: optional(raw.location_name.as_ref()),
            xml_namespace: element_namespace(raw, target),
            timestamp_format: match own_format {
                None => timestamp_format(owner, target.timestamp_format.as_ref())?,
                own => own,
            },
        })
    }

    fn resolve(
        &self,
        from: &str,
        raw: &RawReference<'_>,
    ) -> Result<(ShapeId, &RawShape<'_>), LoadError> {
        let unknown = || LoadError::UnknownShape {
            from: from.to_owned(),
            shape: raw.shape.clone().into_owned(),
        };
        let id = *self.ids.get(raw.shape.as_ref()).ok_or_else(unknown)?;
        let (_, shape) = self.raw.get(id as usize).ok_or_else(unknown)?;
        Ok((ShapeId(id), shape))
    }
}

fn metadata(raw: &RawMetadata<'_>) -> Result<Metadata, LoadError> {
    let listed = if raw.protocols.is_empty() {
        std::slice::from_ref(&raw.protocol)
    } else {
        raw.protocols.as_slice()
    };
    let protocols = listed
        .iter()
        .map(|name| {
            Protocol::from_name(name)
                .ok_or_else(|| LoadError::UnknownProtocol(name.clone().into_owned()))
        })
        .collect::<Result<_, _>>()?;
    Ok(Metadata {
        service_id: intern(&raw.service_id),
        endpoint_prefix: intern(&raw.endpoint_prefix),
        signing_name: intern(raw.signing_name.as_ref().unwrap_or(&raw.endpoint_prefix)),
        api_version: intern(&raw.api_version),
        full_name: intern(&raw.service_full_name),
        protocols,
        json_version: match raw.json_version.as_deref() {
            Some("1.0") => JsonVersion::V1_0,
            _ => JsonVersion::V1_1,
        },
        target_prefix: optional(raw.target_prefix.as_ref()),
        xml_namespace: namespace(raw.xml_namespace.as_ref()).map(|namespace| namespace.uri),
        query_compatible: raw.aws_query_compatible.is_some(),
        global_endpoint: optional(raw.global_endpoint.as_ref()),
        signature_version: optional(raw.signature_version.as_ref()),
    })
}

fn paginator(raw: &RawPaginator<'_>) -> Paginator {
    let many = |names: Option<&OneOrMany<'_>>| match names {
        None => Vec::new(),
        Some(OneOrMany::One(name)) => vec![intern(name)],
        Some(OneOrMany::Many(names)) => interned(names),
    };
    Paginator {
        input_token: many(raw.input_token.as_ref()),
        output_token: many(raw.output_token.as_ref()),
        limit_key: optional(raw.limit_key.as_ref()),
        more_results: optional(raw.more_results.as_ref()),
        result_key: many(raw.result_key.as_ref()),
    }
}

fn error_index(shapes: &[Shape]) -> HashMap<&'static str, u32> {
    let mut by_name = HashMap::new();
    let mut by_code = HashMap::new();
    for (shape, id) in shapes.iter().zip(0u32..) {
        let ShapeKind::Structure(StructureShape {
            error: Some(error), ..
        }) = &shape.kind
        else {
            continue;
        };
        by_name.insert(shape.name, id);
        if let Some(code) = error.code {
            by_code.entry(code).or_insert(id);
        }
    }
    by_code.extend(by_name);
    by_code
}

fn index(names: impl Iterator<Item = &'static str>) -> HashMap<&'static str, u32> {
    names.zip(0u32..).collect()
}

fn sorted(members: &[Member], key: fn(&Member) -> &'static str) -> Vec<u16> {
    let mut order: Vec<(&str, u16)> = members.iter().map(key).zip(0u16..).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, position)| position).collect()
}

fn location(owner: &str, name: Option<&str>) -> Result<Location, LoadError> {
    Ok(match name {
        None => Location::Body,
        Some("uri") => Location::Uri,
        Some("querystring") => Location::QueryString,
        Some("header") => Location::Header,
        Some("headers") => Location::Headers,
        Some("statusCode") => Location::StatusCode,
        Some(name) => {
            let problem = format!("unknown location {name}");
            return Err(LoadError::BadShape {
                shape: owner.to_owned(),
                problem,
            });
        }
    })
}

fn timestamp_format(
    owner: &str,
    name: Option<&Cow<'_, str>>,
) -> Result<Option<TimestampFormat>, LoadError> {
    Ok(Some(match name.map(AsRef::as_ref) {
        None => return Ok(None),
        Some("iso8601") => TimestampFormat::Iso8601,
        Some("rfc822") => TimestampFormat::Rfc822,
        Some("unixTimestamp") => TimestampFormat::UnixTimestamp,
        Some(name) => {
            let problem = format!("unknown timestamp format {name}");
            return Err(LoadError::BadShape {
                shape: owner.to_owned(),
                problem,
            });
        }
    }))
}

fn namespace(raw: Option<&RawNamespace<'_>>) -> Option<XmlNamespace> {
    raw.map(|raw| match raw {
        RawNamespace::Uri(uri) => XmlNamespace {
            uri: intern(uri),
            prefix: None,
        },
        RawNamespace::Prefixed { uri, prefix } => XmlNamespace {
            uri: intern(uri),
            prefix: optional(prefix.as_ref()),
        },
    })
}

/// The namespace of an element: its own, or one that its shape declares under a prefix. A shape's
/// default namespace counts only where it is the root of a document.
fn element_namespace(raw: &RawReference<'_>, target: &RawShape<'_>) -> Option<XmlNamespace> {
    let inherited = namespace(target.xml_namespace.as_ref());
    namespace(raw.xml_namespace.as_ref()).or(inherited.filter(|found| found.prefix.is_some()))
}

fn bound(number: &serde_json::Number) -> Bound {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => Bound::Integer(whole),
        (None, Some(decimal)) => Bound::Decimal(decimal),
        (None, None) => Bound::Integer(i64::MAX),
    }
}

fn optional(text: Option<&Cow<'_, str>>) -> Option<&'static str> {
    text.map(|text| intern(text))
}

fn interned(texts: &[Cow<'_, str>]) -> Vec<&'static str> {
    texts.iter().map(|text| intern(text)).collect()
}
