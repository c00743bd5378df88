//! The schema of a service: operations and the shapes of what they take and give.
//!
//! A [`ServiceModel`] is loaded once (see [`crate::load`]) and lives as long as the program, so
//! every name in it is a `&'static str` and shapes refer to each other by [`ShapeId`]. Traits that
//! the source format spreads over a member and the shape it refers to are resolved here: a
//! [`Member`] says what holds for it, whichever of the two said so.

use std::collections::HashMap;
use std::fmt;

use crate::pattern::Pattern;

/// Index of a shape in its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeId(pub(crate) u32);

/// A service: its metadata, operations and shapes.
#[derive(Debug)]
pub struct ServiceModel {
    /// What the service is called and which protocols it speaks.
    pub metadata: Metadata,
    pub(crate) operations: Vec<Operation>,
    pub(crate) operation_index: HashMap<&'static str, u32>,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) shape_index: HashMap<&'static str, u32>,
    pub(crate) error_index: HashMap<&'static str, u32>,
    pub(crate) paginators: HashMap<&'static str, Paginator>,
}

impl ServiceModel {
    /// All operations, in the order of the model file.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of that exact name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations
            .get(*self.operation_index.get(name)? as usize)
    }

    /// All shapes, in the order of the model file.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The shape behind an id of this model.
    ///
    /// # Panics
    /// When the id belongs to another, larger model: ids never come from outside.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0 as usize]
    }

    /// The id of the shape of that name.
    pub fn shape_id(&self, name: &str) -> Option<ShapeId> {
        self.shape_index.get(name).copied().map(ShapeId)
    }

    /// The shape of that name.
    pub fn shape_named(&self, name: &str) -> Option<&Shape> {
        self.shape_id(name).map(|id| self.shape(id))
    }

    /// The structure behind an id, if it is one.
    pub fn structure(&self, id: ShapeId) -> Option<&StructureShape> {
        match &self.shape(id).kind {
            ShapeKind::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    /// The exception a code names: the shape's name (`NoSuchEntityException`) or the code it has on
    /// the wire (`NoSuchEntity`). A shape's name wins where one shape's code is another's name.
    pub fn error_shape(&self, code: &str) -> Option<(&Shape, &StructureShape, &ErrorTraits)> {
        let shape = self.shapes.get(*self.error_index.get(code)? as usize)?;
        match &shape.kind {
            ShapeKind::Structure(structure) => structure
                .error
                .as_ref()
                .map(|error| (shape, structure, error)),
            _ => None,
        }
    }

    /// How an operation pages, if it does.
    pub fn paginator(&self, operation: &str) -> Option<&Paginator> {
        self.paginators.get(operation)
    }
}

/// What a service is called, and how it is spoken to.
#[derive(Debug)]
pub struct Metadata {
    /// `serviceId`, such as `Cognito Identity Provider`.
    pub service_id: &'static str,
    /// First label of the service's host name, such as `iam`.
    pub endpoint_prefix: &'static str,
    /// Service name in the credential scope of a signature; the endpoint prefix unless stated.
    pub signing_name: &'static str,
    /// Date version, such as `2010-05-08`.
    pub api_version: &'static str,
    /// Full name of the service.
    pub full_name: &'static str,
    /// Every protocol the service answers, the preferred one first.
    pub protocols: Vec<Protocol>,
    /// Which `application/x-amz-json-1.x` the JSON protocol uses.
    pub json_version: JsonVersion,
    /// What comes before the dot in `X-Amz-Target`, and the service's name in an RPC v2 path.
    pub target_prefix: Option<&'static str>,
    /// Namespace of XML answers.
    pub xml_namespace: Option<&'static str>,
    /// True when the service was once a query service: errors also carry their query codes.
    pub query_compatible: bool,
    /// Host name of a service that is the same in all regions, such as `iam.amazonaws.com`.
    pub global_endpoint: Option<&'static str>,
    /// `signatureVersion`: `v4`, `s3`, `s3v4`.
    pub signature_version: Option<&'static str>,
}

/// A wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Form request, XML answer.
    Query,
    /// EC2's dialect of the query protocol.
    Ec2,
    /// `application/x-amz-json-1.0` or `1.1`, routed by `X-Amz-Target`.
    Json,
    /// JSON bodies, routed by method and path.
    RestJson,
    /// XML bodies, routed by method and path.
    RestXml,
    /// Smithy RPC v2 with CBOR bodies.
    RpcV2Cbor,
}

impl Protocol {
    /// The protocol's name in model files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Ec2 => "ec2",
            Self::Json => "json",
            Self::RestJson => "rest-json",
            Self::RestXml => "rest-xml",
            Self::RpcV2Cbor => "smithy-rpc-v2-cbor",
        }
    }

    /// The protocol of a name in model files.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "query" => Self::Query,
            "ec2" => Self::Ec2,
            "json" => Self::Json,
            "rest-json" => Self::RestJson,
            "rest-xml" => Self::RestXml,
            "smithy-rpc-v2-cbor" => Self::RpcV2Cbor,
            _ => return None,
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Version of the JSON protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonVersion {
    /// `application/x-amz-json-1.0`
    V1_0,
    /// `application/x-amz-json-1.1`
    V1_1,
}

/// One operation of a service.
#[derive(Debug)]
pub struct Operation {
    /// Name, such as `CreateUser`.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path template, with `{Label}`s and perhaps literal query parameters.
    pub uri: &'static str,
    /// HTTP status of a successful answer, 200 unless stated.
    pub success_status: u16,
    /// What it takes; `None` when it takes nothing.
    pub input: Option<ShapeId>,
    /// What it gives; `None` when it gives nothing.
    pub output: Option<ShapeId>,
    /// Exceptions the model lists.
    pub errors: Vec<ShapeId>,
    /// Element around the result in query answers, such as `CreateUserResult`.
    pub result_wrapper: Option<&'static str>,
    /// Root element of an XML request body.
    pub input_location_name: Option<&'static str>,
    /// Namespace of the root element of an XML request body.
    pub input_xml_namespace: Option<XmlNamespace>,
    /// True when AWS advises against it; another operation may have its method and path.
    pub deprecated: bool,
    /// False when AWS takes the call without a signature.
    pub authenticated: bool,
    /// True when the client signs without hashing the payload (`unsignedPayload`).
    pub unsigned_payload: bool,
    /// What the client puts before the host name, such as `{RequestRoute}.`.
    pub host_prefix: Option<&'static str>,
    /// Content encodings a client may compress the request with.
    pub request_compression: Vec<&'static str>,
    /// True when a checksum of the request body is required.
    pub checksum_required: bool,
    /// Input member that selects the checksum algorithm.
    pub checksum_member: Option<&'static str>,
}

/// How an operation pages.
#[derive(Debug)]
pub struct Paginator {
    /// Input members that take the token.
    pub input_token: Vec<&'static str>,
    /// Output members (or expressions over them) that give it.
    pub output_token: Vec<&'static str>,
    /// Input member that limits the page.
    pub limit_key: Option<&'static str>,
    /// Output member that says whether there is more.
    pub more_results: Option<&'static str>,
    /// Output members (or expressions over them) that hold the items.
    pub result_key: Vec<&'static str>,
}

/// A shape: a named type.
#[derive(Debug)]
pub struct Shape {
    /// Its name in the model.
    pub name: &'static str,
    /// What it is.
    pub kind: ShapeKind,
    /// True when its values must not be shown.
    pub sensitive: bool,
    /// Least length (strings in characters, blobs in bytes, lists and maps in entries) or value.
    pub min: Option<Bound>,
    /// Greatest length or value.
    pub max: Option<Bound>,
    /// Regular expression of strings, in the model's own (Java) syntax.
    pub pattern: Option<Pattern>,
    /// XML element name when the shape is the root of a document.
    pub location_name: Option<&'static str>,
    /// XML namespace of the shape's element.
    pub xml_namespace: Option<XmlNamespace>,
}

/// A limit of a length or a value, kept exact for messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Decimal(f64),
}

impl Bound {
    /// The limit as a floating point number.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Decimal(value) => value,
        }
    }

    /// The limit as a whole number, rounded towards zero.
    pub fn as_i64(self) -> i64 {
        match self {
            Self::Integer(value) => value,
            Self::Decimal(value) => value as i64,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Decimal(value) => value.fmt(f),
        }
    }
}

/// What a shape is.
#[derive(Debug)]
pub enum ShapeKind {
    /// Named members; also unions and exceptions.
    Structure(StructureShape),
    /// A sequence of one type.
    List(ListShape),
    /// Keys (always strings) to values of one type.
    Map(MapShape),
    /// Text, perhaps one of a set of values.
    String(StringShape),
    /// Bytes.
    Blob,
    /// True or false.
    Boolean,
    /// 32-bit number.
    Integer,
    /// 64-bit number.
    Long,
    /// Single precision.
    Float,
    /// Double precision.
    Double,
    /// A moment; the format is the shape's own, if it has one.
    Timestamp(Option<TimestampFormat>),
    /// Any JSON.
    Document,
}

/// A structure, union or exception.
#[derive(Debug)]
pub struct StructureShape {
    pub(crate) members: Vec<Member>,
    pub(crate) by_name: Vec<u16>,
    pub(crate) by_wire_name: Vec<u16>,
    /// Member that is the whole HTTP body.
    pub payload: Option<&'static str>,
    /// True when exactly one member is set.
    pub union: bool,
    /// Set when this is an exception.
    pub error: Option<ErrorTraits>,
    /// True when this is a stream of events.
    pub event_stream: bool,
}

impl StructureShape {
    /// Members, in the order of the model.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member of that name in the model.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.search(&self.by_name, name, |member| member.name)
    }

    /// The member of that name in a body ([`Member::wire_name`]).
    pub fn member_on_wire(&self, name: &str) -> Option<&Member> {
        self.search(&self.by_wire_name, name, Member::wire_name)
    }

    /// The member that is the whole HTTP body.
    pub fn payload_member(&self) -> Option<&Member> {
        self.member(self.payload?)
    }

    fn search(
        &self,
        index: &[u16],
        name: &str,
        key: fn(&Member) -> &'static str,
    ) -> Option<&Member> {
        let at = |position: &u16| self.members.get(usize::from(*position));
        let found = index
            .binary_search_by(|position| at(position).map_or("", key).cmp(name))
            .ok()?;
        index.get(found).and_then(at)
    }
}

/// How an exception is answered.
#[derive(Debug)]
pub struct ErrorTraits {
    /// Code on the wire, when it is not the shape's name.
    pub code: Option<&'static str>,
    /// HTTP status, when the model gives one.
    pub status: Option<u16>,
    /// True when the service is at fault.
    pub server_fault: bool,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// Name in the model.
    pub name: &'static str,
    /// Its type.
    pub shape: ShapeId,
    /// True when it must be present.
    pub required: bool,
    /// Where in the HTTP message it is.
    pub location: Location,
    /// Name on the wire, where it differs from `name`.
    pub location_name: Option<&'static str>,
    /// Name in EC2 form requests.
    pub query_name: Option<&'static str>,
    /// True when the entries of a list or map have no element around them.
    pub flattened: bool,
    /// True when it is an attribute of its structure's XML element.
    pub xml_attribute: bool,
    /// XML namespace of its element.
    pub xml_namespace: Option<XmlNamespace>,
    /// How a timestamp is written, where the member or its shape says so.
    pub timestamp_format: Option<TimestampFormat>,
    /// True when a client fills it in to make a repeated call safe.
    pub idempotency_token: bool,
    /// True when the member or its shape must not be shown.
    pub sensitive: bool,
    /// True when it is our overlay that says so, not the model.
    pub hidden_by_overlay: bool,
    /// True when it is a payload that is not held in memory.
    pub streaming: bool,
    /// True when a string carries JSON, in base64 when it is in a header.
    pub json_value: bool,
    /// True when its value is part of the host name.
    pub host_label: bool,
}

impl Member {
    /// Name in bodies: the location name, or the member's own.
    pub fn wire_name(&self) -> &'static str {
        self.location_name.unwrap_or(self.name)
    }

    /// True when it is in the body of a request.
    pub fn is_in_request_body(&self) -> bool {
        self.location == Location::Body
    }

    /// True when it is in the body of an answer, which has neither path nor query string.
    pub fn is_in_answer_body(&self) -> bool {
        matches!(
            self.location,
            Location::Body | Location::Uri | Location::QueryString
        )
    }
}

/// Where a member is in the HTTP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the body.
    Body,
    /// A label of the path.
    Uri,
    /// A query parameter.
    QueryString,
    /// A header.
    Header,
    /// All headers that begin with the location name.
    Headers,
    /// The HTTP status.
    StatusCode,
}

/// A reference to the type of a list's members or a map's keys or values.
#[derive(Debug)]
pub struct Reference {
    /// The type.
    pub shape: ShapeId,
    /// Name of the element in XML and forms.
    pub location_name: Option<&'static str>,
    /// XML namespace of the element.
    pub xml_namespace: Option<XmlNamespace>,
    /// How timestamps are written, where the reference or its shape says so.
    pub timestamp_format: Option<TimestampFormat>,
}

/// A list.
#[derive(Debug)]
pub struct ListShape {
    /// Type of the members.
    pub member: Reference,
    /// True when the members have no element around them.
    pub flattened: bool,
}

/// A map.
#[derive(Debug)]
pub struct MapShape {
    /// Type of the keys: strings.
    pub key: Reference,
    /// Type of the values.
    pub value: Reference,
    /// True when the entries have no element around them.
    pub flattened: bool,
}

/// A string.
#[derive(Debug)]
pub struct StringShape {
    /// The values it may take; empty when any.
    pub values: Vec<&'static str>,
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `2015-01-25T08:00:00Z`
    Iso8601,
    /// `Sun, 25 Jan 2015 08:00:00 GMT`
    Rfc822,
    /// Seconds since 1970.
    UnixTimestamp,
}

/// An XML namespace, with the prefix it is declared under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmlNamespace {
    /// The URI.
    pub uri: &'static str,
    /// The prefix; `None` for the default namespace.
    pub prefix: Option<&'static str>,
}
