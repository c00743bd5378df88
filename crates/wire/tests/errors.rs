//! Requests that cannot be understood are answered with the protocol's own error.

mod common;

use common::echo;
use http::{HeaderMap, HeaderName, HeaderValue};
use palisade_model::{ApiError, Protocol, Structure, Timestamp, Value, load_static};
use palisade_wire::{Body, Codec, MAX_DEPTH, Request, Response, WireError};

const LIMIT: usize = 4096;

/// What a request comes to: its input, or the answer it gets.
fn outcome(codec: &Codec, request: &Request<'_>) -> Result<Structure, Box<Response>> {
    let protocol = codec.protocol(request);
    codec
        .route(protocol, request)
        .and_then(|operation| codec.decode(protocol, operation, request, LIMIT))
        .map_err(|error| {
            Box::new(codec.encode_error(protocol, &error.to_api_error(protocol), "id"))
        })
}

fn text(response: &Response) -> &str {
    let Body::Bytes(body) = response.body() else {
        panic!("no error is a stream")
    };
    std::str::from_utf8(body).expect("text")
}

fn form(body: &str) -> (u16, String) {
    let headers = echo::headers(Protocol::Query);
    let request = Request {
        method: "POST",
        path: "/",
        query: None,
        headers: &headers,
        body: Body::Bytes(body.to_owned().into()),
    };
    let response = outcome(&echo::codec(), &request).expect_err("it is refused");
    (response.status().as_u16(), text(&response).to_owned())
}

const PREFIX: &str = "Action=Echo&Version=2020-01-01";

#[test]
fn query_refusals_have_the_form_of_the_protocol() {
    let (status, body) = form("Action=Nothing&Version=2020-01-01");
    assert_eq!(status, 400);
    assert_eq!(
        body,
        "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>\
         <Message>Could not find operation Nothing for version 2020-01-01</Message></Error>\
         <RequestId>id</RequestId></ErrorResponse>"
    );
    let (_, body) = form("Action=Echo&Version=2001-01-01");
    assert!(body.contains("Could not find operation Echo for version 2001-01-01"));
    let (_, body) = form("Action=Echo");
    assert!(body.contains("for version NO_VERSION_SPECIFIED"));
    for (parameters, code) in [
        ("Version=2020-01-01", "MissingAction"),
        (
            "Action=Echo&Version=2020-01-01&text=%zz",
            "MalformedQueryString",
        ),
        (
            "Action=Echo&Version=2020-01-01&text=a&text=a",
            "MalformedInput",
        ),
        (
            "Action=Echo&Version=2020-01-01&Action=Echo",
            "MalformedInput",
        ),
        ("Action=Echo&Version=2020-01-01&Small=x", "MalformedInput"),
        (
            "Action=Echo&Version=2020-01-01&Small=2147483648",
            "MalformedInput",
        ),
        (
            "Action=Echo&Version=2020-01-01&text.member.1=x",
            "MalformedInput",
        ),
        ("Action=Echo&Version=2020-01-01&Names=x", "MalformedInput"),
        (
            "Action=Echo&Version=2020-01-01&Names.member.x=x",
            "MalformedInput",
        ),
        (
            "Action=Echo&Version=2020-01-01&Names.member.1=x&Names.member.01=y",
            "MalformedInput",
        ),
        (
            "Action=Echo&Version=2020-01-01&Table.entry.1.value.text=x",
            "MalformedInput",
        ),
        (
            "Action=Echo&Version=2020-01-01&Either.Left=x&Either.Right.text=y",
            "MalformedInput",
        ),
    ] {
        let (status, body) = form(parameters);
        assert_eq!(status, 400);
        assert!(
            body.contains(&format!("<Code>{code}</Code>")),
            "{parameters}: {body}"
        );
    }
    let (status, _) = form(&format!("{PREFIX}&text={}", "x".repeat(LIMIT)));
    assert_eq!(status, 413);
}

#[test]
fn list_numbers_may_have_gaps() {
    let codec = echo::codec();
    let body = format!("{PREFIX}&Names.member.30=c&Names.member.2=a&Names.member.11=b");
    let found = echo::decode(&codec, Protocol::Query, body.into_bytes()).unwrap();
    let names = ["a", "b", "c"].map(|name| Value::String(name.to_owned()));
    assert_eq!(found.get("Names"), Some(&Value::List(names.to_vec())));
}

#[test]
fn ec2_refuses_parameters_it_does_not_know() {
    let codec = echo::codec();
    let decode = |body: &str| echo::decode(&codec, Protocol::Ec2, body.as_bytes().to_vec());
    assert_eq!(
        decode("Action=Echo&Wrong=1"),
        Err(WireError::UnknownParameter("Wrong".into()))
    );
    assert!(decode("Action=Echo&Version=1&X-Amz-Signature=1&Text=a").is_ok());
    let error = WireError::UnknownOperation {
        operation: "Odd".into(),
        version: "1".into(),
    };
    let error = error.to_api_error(Protocol::Ec2);
    assert_eq!(
        error.message,
        "The action Odd is not valid for this web service."
    );
    let response = codec.encode_error(Protocol::Ec2, &error, "id");
    assert!(text(&response).ends_with(
        "<Response><Errors><Error><Code>InvalidAction</Code><Message>The action Odd is not valid for \
         this web service.</Message></Error></Errors><RequestID>id</RequestID></Response>"
    ));
}

fn json(target: &'static str, kind: &'static str, body: &str) -> (u16, String) {
    let pairs = [("x-amz-target", target), ("content-type", kind)];
    let pairs = pairs.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    let request = Request {
        method: "POST",
        path: "/",
        query: None,
        headers: &HeaderMap::from_iter(pairs),
        body: Body::Bytes(body.to_owned().into()),
    };
    let response = outcome(&echo::codec(), &request).expect_err("it is refused");
    assert_eq!(response.headers()["x-amzn-requestid"], "id");
    (response.status().as_u16(), text(&response).to_owned())
}

#[test]
fn json_refusals_have_the_form_of_the_protocol() {
    const TYPE: &str = "application/x-amz-json-1.1";
    for target in ["Echo.Nothing", "Other.Echo", "Echo"] {
        let (status, body) = json(target, TYPE, "{}");
        assert_eq!(status, 400, "{target}");
        assert!(
            body.starts_with(r#"{"__type":"UnknownOperationException""#),
            "{body}"
        );
    }
    let (status, body) = json("Echo.Echo", "text/plain", "{}");
    assert_eq!(status, 404);
    assert!(body.contains("UnknownOperationException"), "{body}");
    for body in [
        "{",
        "[]",
        "null",
        "{} {}",
        "{\"text\":1}",
        "{\"text\":\"a\",\"text\":\"b\"}",
        "{\"text\":null,\"text\":\"b\"}",
        "{\"x\":1,\"x\":1}",
        "{\"Small\":1.5}",
        "{\"Small\":\"1\"}",
        "{\"Small\":3000000000}",
        "{\"Large\":9223372036854775808}",
        "{\"Truth\":\"true\"}",
        "{\"Bytes\":\"!\"}",
        "{\"Moment\":\"never\"}",
        "{\"Names\":{}}",
        "{\"Names\":[1]}",
        "{\"Table\":{\"a\":{},\"a\":{}}}",
        "{\"Either\":{}}",
        "{\"Either\":{\"Left\":\"a\",\"Right\":{}}}",
        "{\"text\":\"\\ud800\"}",
        "{\"Twice\":1e999}",
        "{'text':'a'}",
        "\u{feff}{}",
    ] {
        let (status, answer) = json("Echo.Echo", TYPE, body);
        assert_eq!(status, 400, "{body}");
        assert!(
            answer.starts_with(r#"{"__type":"SerializationException","message":"#),
            "{answer}"
        );
    }
}

/// Found by fuzzing: JSON wrote such a number as `null`.
#[test]
fn a_number_beyond_single_precision_is_refused_and_never_lost() {
    let codec = echo::codec();
    let cbor = [b"\xa1\x66Single\xfb".as_slice(), &1e54_f64.to_be_bytes()].concat();
    for (protocol, body) in [
        (Protocol::Query, b"Single=1e54".to_vec()),
        (Protocol::Json, br#"{"Single":1e54}"#.to_vec()),
        (
            Protocol::RestXml,
            b"<EchoResult><Single>1e54</Single></EchoResult>".to_vec(),
        ),
        (Protocol::RpcV2Cbor, cbor),
    ] {
        let error = echo::decode(&codec, protocol, body).unwrap_err();
        assert!(matches!(error, WireError::Value(_)), "{protocol}: {error}");
    }
    let output = Structure::new().with("Single", 1e54);
    for protocol in echo::SYMMETRIC {
        let found = echo::there_and_back(&codec, protocol, &output);
        assert_eq!(
            found.get("Single"),
            Some(&Value::Float(f64::INFINITY)),
            "{protocol}"
        );
    }
}

#[test]
fn depth_is_bounded_in_every_protocol() {
    let codec = echo::codec();
    let decode = |protocol, body: Vec<u8>| echo::decode(&codec, protocol, body);
    let deep = 10 * MAX_DEPTH;
    let form = format!("{}text=a", "Nested.".repeat(deep));
    assert_eq!(
        decode(Protocol::Query, form.into_bytes()),
        Err(WireError::TooDeep)
    );
    let json = format!("{}{{}}{}", "{\"Nested\":".repeat(deep), "}".repeat(deep));
    assert!(decode(Protocol::Json, json.clone().into_bytes()).is_err());
    assert!(decode(Protocol::RestJson, json.into_bytes()).is_err());
    let xml = format!(
        "<EchoResult>{}{}</EchoResult>",
        "<Nested>".repeat(deep),
        "</Nested>".repeat(deep)
    );
    assert_eq!(
        decode(Protocol::RestXml, xml.into_bytes()),
        Err(WireError::TooDeep)
    );
    let cbor = b"\xa1\x66Nested".repeat(deep);
    assert_eq!(decode(Protocol::RpcV2Cbor, cbor), Err(WireError::TooDeep));
    let shallow = format!("{}text=a", "Nested.".repeat(MAX_DEPTH / 2));
    assert!(decode(Protocol::Query, shallow.into_bytes()).is_ok());
}

#[test]
fn rest_json_refuses_other_types_and_keeps_names_in_a_header() {
    let codec = echo::codec();
    let mut headers = echo::headers(Protocol::RestJson);
    headers.insert("content-type", HeaderValue::from_static("application/xml"));
    let request = Request {
        method: "POST",
        path: "/echo",
        query: None,
        headers: &headers,
        body: Body::Bytes("{}".into()),
    };
    let operation = codec.route(Protocol::RestJson, &request).unwrap();
    let error = codec
        .decode(Protocol::RestJson, operation, &request, LIMIT)
        .unwrap_err();
    let error = error.to_api_error(Protocol::RestJson);
    let response = codec.encode_error(Protocol::RestJson, &error, "id");
    assert_eq!(response.status(), 415);
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        "UnsupportedMediaTypeException"
    );
    let unknown = Request {
        path: "/nowhere",
        ..request
    };
    let error = codec.route(Protocol::RestJson, &unknown).unwrap_err();
    let response = codec.encode_error(
        Protocol::RestJson,
        &error.to_api_error(Protocol::RestJson),
        "id",
    );
    assert_eq!(response.status(), 404);
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        "UnknownOperationException"
    );
}

#[test]
fn rest_bindings_are_read_from_all_over_the_request() {
    let codec = echo::codec();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-count", "7"),
        (
            "x-dates",
            "Sun, 25 Jan 2015 08:00:00 GMT, Sun, 25 Jan 2015 08:00:01 GMT",
        ),
        ("x-words", "a, \"b, \\\"c\\\"\""),
        ("x-meta-k", "v"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let request = Request {
        method: "PUT",
        path: "/bound/a%2Fb/c/d%20e/",
        query: Some("mark&moments=1970-01-01T00:00:01Z&moments=1970-01-01T00:00:02Z&other=x"),
        headers: &headers,
        body: Body::Stream,
    };
    let operation = codec.route(Protocol::RestXml, &request).unwrap();
    let found = codec
        .decode(Protocol::RestXml, operation, &request, LIMIT)
        .unwrap();
    let text = |text: &str| Value::String(text.to_owned());
    let moment = |seconds| Value::Timestamp(Timestamp::new(seconds, 0).unwrap());
    assert_eq!(found.get("Label"), Some(&text("a/b")));
    assert_eq!(found.get("Rest"), Some(&text("c/d e/")));
    assert_eq!(
        found.get("Moments"),
        Some(&Value::List(vec![moment(1), moment(2)]))
    );
    assert_eq!(found.get("Count"), Some(&Value::Integer(7)));
    assert_eq!(
        found.get("Dates"),
        Some(&Value::List(vec![
            moment(1_422_172_800),
            moment(1_422_172_801)
        ]))
    );
    assert_eq!(
        found.get("Words"),
        Some(&Value::List(vec![text("a"), text("b, \"c\"")]))
    );
    assert_eq!(
        found.get("Meta"),
        Some(&Value::Map(vec![("k".into(), text("v"))]))
    );
    assert_eq!(found.get("Body"), Some(&Value::Stream));

    let twice = Request {
        query: Some("mark&other=x&other=y"),
        ..request.clone()
    };
    let error = codec
        .decode(Protocol::RestXml, operation, &twice, LIMIT)
        .unwrap_err();
    assert_eq!(error, WireError::Duplicate("other".into()));
    let mut headers = headers.clone();
    headers.append("x-count", HeaderValue::from_static("8"));
    let twice = Request {
        headers: &headers,
        ..request
    };
    assert!(
        codec
            .decode(Protocol::RestXml, operation, &twice, LIMIT)
            .is_err()
    );
}

#[test]
fn xml_with_a_document_type_or_another_root_is_refused() {
    let codec = echo::codec();
    let code = |body: &str| {
        let error = echo::decode(&codec, Protocol::RestXml, body.as_bytes().to_vec()).unwrap_err();
        error.to_api_error(Protocol::RestXml).code.into_owned()
    };
    let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaa'>]><EchoResult><text>&a;</text></EchoResult>";
    assert_eq!(code(bomb), "MalformedXML");
    assert_eq!(code("<Other/>"), "MalformedXML");
    assert_eq!(
        code("<EchoResult><text>a</text><text>b</text></EchoResult>"),
        "InvalidArgument"
    );
    assert_eq!(
        code("<EchoResult><Small>x</Small></EchoResult>"),
        "InvalidArgument"
    );
}

#[test]
fn gzip_is_unpacked_only_where_the_model_lets_clients_pack_and_never_beyond_the_limit() {
    use std::io::Write;
    let model = |compression: &str| {
        load_static(&format!(
            r#"{{"metadata": {{"protocol": "json", "targetPrefix": "P"}},
                "operations": {{"Op": {{"http": {{"method": "POST", "requestUri": "/"}},
                                       "input": {{"shape": "In"}} {compression} }}}},
                "shapes": {{"In": {{"type": "structure", "members": {{"Text": {{"shape": "T"}}}}}},
                            "T": {{"type": "string"}}}}}}"#
        ))
        .unwrap()
    };
    let packed = |text: String| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let pairs = [
        ("x-amz-target", "P.Op"),
        ("content-type", "application/x-amz-json-1.1"),
        ("content-encoding", "gzip"),
    ];
    let headers = pairs.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    let headers = HeaderMap::from_iter(headers);
    let decode = |codec: &Codec, body: Vec<u8>| {
        let body = body.into();
        let request = Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body,
        };
        outcome(codec, &request).map_err(|response| response.status().as_u16())
    };
    let codec = Codec::new(model(r#", "requestcompression": {"encodings": ["gzip"]}"#));
    assert!(decode(&codec, packed(r#"{"Text":"a"}"#.into())).is_ok());
    let bomb = packed(format!(r#"{{"Text":"{}"}}"#, "a".repeat(1 << 20)));
    assert!(bomb.len() < LIMIT);
    assert_eq!(decode(&codec, bomb), Err(413));
    assert_eq!(decode(&codec, b"no gzip".to_vec()), Err(400));
    let plain = Codec::new(model(""));
    assert_eq!(decode(&plain, packed(r#"{"Text":"a"}"#.into())), Err(400));
}

#[test]
fn s3_tells_errors_in_its_own_way() {
    let model = r#"{"metadata": {"protocol": "rest-xml", "serviceId": "S3"}, "shapes": {}}"#;
    let codec = Codec::new(load_static(model).unwrap());
    let error = ApiError::sender("NoSuchBucket", "The specified bucket does not exist");
    let response = codec.encode_error(Protocol::RestXml, &error.with_status(404), "id");
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["x-amz-request-id"], "id");
    assert!(!response.headers().contains_key("x-amzn-requestid"));
    assert!(text(&response).ends_with(
        "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message>\
         <RequestId>id</RequestId><HostId>id</HostId></Error>"
    ));
}

#[test]
fn an_error_of_ours_is_a_500_and_members_that_do_not_fit_are_left_out() {
    let codec = echo::codec();
    let error = ApiError::receiver("InternalFailure", "it broke").with_field("Odd", true);
    for protocol in codec.model().metadata.protocols.iter().copied() {
        assert_eq!(
            codec.encode_error(protocol, &error, "id").status(),
            500,
            "{protocol}"
        );
    }
    let response = codec.encode_error(Protocol::Query, &error, "id");
    assert!(text(&response).contains("<Type>Receiver</Type><Code>InternalFailure</Code>"));
}

#[test]
fn an_output_of_another_shape_is_an_error_and_no_answer() {
    let codec = echo::codec();
    let output = Structure::new().with("Small", "text");
    for protocol in codec.model().metadata.protocols.iter().copied() {
        let error = codec
            .encode(protocol, echo::operation(&codec), &output, "id")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "a value of shape Small cannot be a string"
        );
    }
}
