//! Requests of the real services find their operations.

use http::{HeaderMap, HeaderName, HeaderValue};
use palisade_model::{Location, Operation, Protocol, ServiceModel, ShapeKind, load_static};
use palisade_wire::{Body, Codec, Request, WireError};

fn models() -> Vec<&'static ServiceModel> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models");
    let files = std::fs::read_dir(folder).expect("the models can be listed");
    let paths = files.map(|file| file.expect("the models can be listed").path());
    let json = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    json.map(|path| {
        let text = std::fs::read_to_string(&path).expect("a model can be read");
        load_static(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    })
    .collect()
}

fn codec(service_id: &str) -> Codec {
    let mut models = models().into_iter();
    Codec::new(
        models
            .find(|model| model.metadata.service_id == service_id)
            .expect("a model"),
    )
}

/// A request with nothing but what an operation requires.
struct Least {
    path: String,
    query: String,
    headers: HeaderMap,
}

impl Least {
    fn of(model: &ServiceModel, operation: &Operation) -> Self {
        let (path, query) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
        let segments = path
            .split('/')
            .map(|segment| match segment.starts_with('{') {
                true => "x",
                false => segment,
            });
        let mut least = Self {
            path: segments.collect::<Vec<_>>().join("/"),
            query: query.to_owned(),
            headers: HeaderMap::new(),
        };
        let input = operation.input.and_then(|id| model.structure(id));
        let members = input.map(|input| input.members()).unwrap_or_default();
        for member in members.iter().filter(|member| member.required) {
            let value = match &model.shape(member.shape).kind {
                ShapeKind::Integer | ShapeKind::Long => "1",
                ShapeKind::Boolean => "true",
                _ => "x",
            };
            match member.location {
                Location::QueryString => least.query += &format!("&{}={value}", member.wire_name()),
                Location::Header => {
                    let name = member
                        .wire_name()
                        .parse::<HeaderName>()
                        .expect("a header name");
                    least.headers.insert(name, HeaderValue::from_static("x"));
                }
                _ => {}
            }
        }
        least
    }

    fn request<'r>(&'r self, operation: &'r Operation) -> Request<'r> {
        Request {
            method: operation.method,
            path: &self.path,
            query: Some(&self.query),
            headers: &self.headers,
            body: Body::EMPTY,
        }
    }
}

/// Operations with the method, path and required members of another: nothing in a request tells
/// them apart.
const SAME: &[(&str, &str)] = &[
    // Sent to an endpoint of its own (`s3express-control`).
    ("ListDirectoryBuckets", "ListBuckets"),
    // Replaced by operations of a new name.
    ("GetBucketLifecycle", "GetBucketLifecycleConfiguration"),
    ("PutBucketLifecycle", "PutBucketLifecycleConfiguration"),
    (
        "GetBucketNotification",
        "GetBucketNotificationConfiguration",
    ),
    (
        "PutBucketNotification",
        "PutBucketNotificationConfiguration",
    ),
];

#[test]
fn every_rest_operation_is_found_by_what_it_requires() {
    let mut found = 0;
    let mut same = Vec::new();
    for model in models() {
        let codec = Codec::new(model);
        for protocol in [Protocol::RestJson, Protocol::RestXml] {
            if !model.metadata.protocols.contains(&protocol) {
                continue;
            }
            for operation in model.operations() {
                let least = Least::of(model, operation);
                let route = codec.route(protocol, &least.request(operation));
                let name = route.map(|route| route.name).unwrap_or_else(|error| {
                    panic!("{} {}: {error}", model.metadata.service_id, operation.name)
                });
                if name != operation.name {
                    let pair = (operation.name, name);
                    assert!(
                        SAME.contains(&pair),
                        "{} is taken for {name}",
                        operation.name
                    );
                    same.push(pair);
                }
                found += 1;
            }
        }
    }
    assert!(found > 400, "only {found} operations");
    assert_eq!(same.len(), SAME.len(), "{same:?}");
}

#[test]
fn every_rpc_operation_is_found_by_its_name() {
    let mut found = 0;
    for model in models() {
        let codec = Codec::new(model);
        for protocol in model.metadata.protocols.iter().copied() {
            for operation in model.operations() {
                let Some((path, headers, body)) = rpc(model, protocol, operation) else {
                    continue;
                };
                let request = Request {
                    method: "POST",
                    path: &path,
                    query: None,
                    headers: &headers,
                    body: Body::Bytes(body.into()),
                };
                assert_eq!(codec.protocol(&request), protocol);
                assert_eq!(
                    codec.route(protocol, &request).expect("a route").name,
                    operation.name
                );
                found += 1;
            }
        }
    }
    assert!(found > 1_500, "only {found} operations");
}

fn rpc(
    model: &ServiceModel,
    protocol: Protocol,
    operation: &Operation,
) -> Option<(String, HeaderMap, String)> {
    let prefix = model.metadata.target_prefix.unwrap_or_default();
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        headers.insert(name, HeaderValue::from_str(value).expect("a header value"));
    };
    let (path, body) = match protocol {
        Protocol::Query | Protocol::Ec2 => {
            set(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            );
            let version = model.metadata.api_version;
            (
                "/".to_owned(),
                format!("Action={}&Version={version}", operation.name),
            )
        }
        Protocol::Json => {
            set("content-type", "application/x-amz-json-1.1");
            set("x-amz-target", &format!("{prefix}.{}", operation.name));
            ("/".to_owned(), "{}".to_owned())
        }
        Protocol::RpcV2Cbor => {
            set("smithy-protocol", "rpc-v2-cbor");
            (
                format!("/service/{prefix}/operation/{}", operation.name),
                String::new(),
            )
        }
        Protocol::RestJson | Protocol::RestXml => return None,
    };
    Some((path, headers, body))
}

#[test]
fn s3_tells_operations_of_one_path_apart() {
    let codec = codec("S3");
    let route = |method: &str, path: &str, query: &str, copy: bool| {
        let mut headers = HeaderMap::new();
        if copy {
            headers.insert("x-amz-copy-source", HeaderValue::from_static("/b/k"));
        }
        let request = Request {
            method,
            path,
            query: Some(query),
            headers: &headers,
            body: Body::Stream,
        };
        codec
            .route(Protocol::RestXml, &request)
            .map(|operation| operation.name)
    };
    assert_eq!(route("PUT", "/b/k/", "", false), Ok("PutObject"));
    assert_eq!(route("PUT", "/b/k", "", true), Ok("CopyObject"));
    assert_eq!(
        route("PUT", "/b/k", "partNumber=1&uploadId=u", false),
        Ok("UploadPart")
    );
    assert_eq!(
        route("PUT", "/b/k", "partNumber=1&uploadId=u", true),
        Ok("UploadPartCopy")
    );
    assert_eq!(
        route("GET", "/b/k", "x-id=GetObject", false),
        Ok("GetObject")
    );
    assert_eq!(route("GET", "/b/k", "uploadId=u", false), Ok("ListParts"));
    assert_eq!(route("GET", "/b/", "prefix=a", false), Ok("ListObjects"));
    assert_eq!(
        route("GET", "/b", "list-type=2&prefix=a", false),
        Ok("ListObjectsV2")
    );
    assert_eq!(route("POST", "/b", "delete", false), Ok("DeleteObjects"));
    assert_eq!(route("DELETE", "/b/k", "", false), Ok("DeleteObject"));
    assert!(matches!(
        route("PATCH", "/b", "", false),
        Err(WireError::UnknownOperation { .. })
    ));
}

#[test]
fn a_service_of_two_protocols_answers_in_the_one_shown() {
    let codec = codec("Shield");
    let json = HeaderMap::from_iter([(
        HeaderName::from_static("x-amz-target"),
        HeaderValue::from_static("AWSShield_20160616.ListProtections"),
    )]);
    let request = |path: &'static str, headers| Request {
        method: "POST",
        path,
        query: None,
        headers,
        body: Body::EMPTY,
    };
    assert_eq!(codec.protocol(&request("/", &json)), Protocol::Json);
    let none = HeaderMap::new();
    let path = "/service/AWSShield_20160616/operation/ListProtections";
    assert_eq!(codec.protocol(&request(path, &none)), Protocol::RpcV2Cbor);
}

#[test]
fn a_query_service_takes_its_parameters_from_the_query_string_too() {
    let codec = codec("STS");
    let request = Request {
        method: "GET",
        path: "/",
        query: Some(
            "Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=AKIA&X-Amz-Signature=a",
        ),
        headers: &HeaderMap::new(),
        body: Body::EMPTY,
    };
    let operation = codec.route(Protocol::Query, &request).unwrap();
    let input = codec
        .decode(Protocol::Query, operation, &request, 1024)
        .unwrap();
    assert_eq!(
        input.get("AccessKeyId").and_then(|key| key.as_str()),
        Some("AKIA")
    );
}

#[test]
fn streams_are_known_by_the_model() {
    let codec = codec("S3");
    let operation = |name| codec.model().operation(name).unwrap();
    assert!(codec.takes_stream(operation("PutObject")));
    assert!(!codec.gives_stream(operation("PutObject")));
    assert!(codec.gives_stream(operation("GetObject")));
    assert!(codec.gives_stream(operation("SelectObjectContent")));
    assert!(!codec.takes_stream(operation("DeleteObjects")));
}
