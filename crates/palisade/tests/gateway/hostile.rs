//! Whatever is sent, nobody known or not, the front answers with an error of its own and never breaks.

use bytes::Bytes;
use http_body_util::Full;
use palisade_core::{Random as _, testing::Counting};
use palisade_model::catalog;
use serde_json::json;

use crate::kit::{Ask, HOME, Reply, World, root};

/// What requests of strangers look like, one a protocol and some of none.
const SHAPES: [(&str, &str, &str); 7] = [
    ("POST", "/", "application/x-www-form-urlencoded"),
    ("POST", "/", "application/x-amz-json-1.1"),
    ("GET", "/a/b?x=y&Action=ListUsers", "application/json"),
    ("PUT", "/%ff%00/..//", "application/xml"),
    ("POST", "/service/Any/operation/Thing", "application/cbor"),
    ("DELETE", "/_palisade/what-if//", "text/plain"),
    (
        "OPTIONS",
        "/_palisade/what-if/0123456789abcdef/_palisade/what-if/1/",
        "",
    ),
];

fn assert_whole(reply: &Reply, sent: &str) {
    assert!(reply.status >= 400, "{sent}: {reply:?}");
    assert!(![500, 503].contains(&reply.status), "{sent}: {reply:?}");
    assert!(
        reply.body.is_empty() || !reply.body.contains("internal failure"),
        "{sent}"
    );
}

#[tokio::test]
async fn a_stranger_is_refused_whatever_service_he_names() {
    let world = World::new().await;
    let head = world.store.head().position;
    for service in catalog::services() {
        let scope = service.metadata.signing_name;
        for (method, uri, kind) in SHAPES {
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential=AKIAAAAAAAAAAAAAAAAA/20261124/us-east-1/{scope}/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={}",
                "0".repeat(64)
            );
            for signed in [true, false] {
                let mut request = http::Request::builder()
                    .method(method)
                    .uri(uri)
                    .header(
                        "host",
                        format!(
                            "{}.us-east-1.amazonaws.com",
                            service.metadata.endpoint_prefix
                        ),
                    )
                    .header("content-type", kind)
                    .header("x-amz-date", "20261124T120000Z")
                    .header(
                        "x-amz-target",
                        format!("{}.Thing", service.metadata.target_prefix.unwrap_or("X")),
                    );
                if signed {
                    request = request.header("authorization", &authorization);
                }
                let body = Full::new(Bytes::from_static(b"Action=CreateUser&Version=2010-05-08"));
                let reply = world.answer(request.body(body).expect("a request")).await;
                let sent = format!("{} {method} {uri} signed: {signed}", service.name);
                assert_whole(&reply, &sent);
            }
        }
    }
    world.store.flush().await.expect("the store writes");
    assert_eq!(
        world.store.head().position,
        head,
        "a stranger writes nothing"
    );
}

#[tokio::test]
async fn bodies_that_are_not_what_they_say_are_errors_of_the_sender() {
    let world = World::new().await;
    let mut random = Counting::default();
    let input = json!({"UserName": "ann", "Tags": [{"Key": "k", "Value": "v"}]});
    let asks = [
        ("iam", "CreateUser", input),
        ("cloudtrail", "LookupEvents", json!({"MaxResults": 3})),
        ("palisade", "CreateBranch", json!({})),
    ];
    for (service, operation, input) in &asks {
        for round in 0..200 {
            let broken = |bytes: &mut Vec<u8>| {
                let mut draws = [0; 8];
                random.fill(&mut draws);
                let at = usize::from(draws[0]) * usize::from(draws[1]) % (bytes.len() + 1);
                match draws[2] % 3 {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, draws[3]),
                    _ if at < bytes.len() => bytes[at] ^= draws[3] | 1,
                    _ => bytes.extend(draws),
                }
            };
            let request =
                world.signed_with(&root(HOME), &Ask::new(service, operation, input), broken);
            let reply = world.answer(request).await;
            assert!(
                ![500, 503].contains(&reply.status),
                "{operation} {round}: {reply:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_service_there_is_none_of_is_named_in_the_form_its_client_reads() {
    let world = World::new().await;
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAAAAAAAAAAAAAAAAA/20261124/us-east-1/dynamodb/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}",
        "0".repeat(64)
    );
    for (target, opening) in [(Some("DynamoDB_20120810.ListTables"), '{'), (None, '<')] {
        let mut request = http::Request::builder()
            .method("POST")
            .uri("/")
            .header("host", "localhost")
            .header("x-amz-date", "20261124T120000Z")
            .header("authorization", &authorization);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let reply = world
            .answer(request.body(Full::new(Bytes::new())).unwrap())
            .await;
        assert_eq!(reply.status, 501, "{reply:?}");
        assert!(reply.body.starts_with(opening), "{reply:?}");
        assert!(
            reply.body.contains("There is no service dynamodb here."),
            "{reply:?}"
        );
    }
}
