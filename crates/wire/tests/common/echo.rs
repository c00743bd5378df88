//! A service in all protocols whose one operation gives back what it takes, and the ways of a value
//! through them. Also used by the fuzz targets.

use http::{HeaderMap, HeaderName, HeaderValue};
use palisade_model::{Operation, Protocol, Structure, Value, load_static};
use palisade_wire::{Body, Codec, Request};

/// The protocols whose answers have the form of their requests.
pub const SYMMETRIC: [Protocol; 4] = [
    Protocol::Json,
    Protocol::RestJson,
    Protocol::RestXml,
    Protocol::RpcV2Cbor,
];

const LIMIT: usize = 1 << 20;

/// The codec of the service.
pub fn codec() -> Codec {
    Codec::new(load_static(include_str!("../echo.json")).expect("the model loads"))
}

/// The operation that gives back what it takes.
pub fn operation(codec: &Codec) -> &'static Operation {
    codec.model().operation("Echo").expect("the operation")
}

/// The headers that a request of a protocol has.
pub fn headers(protocol: Protocol) -> HeaderMap {
    let pairs: &[(&'static str, &'static str)] = match protocol {
        Protocol::Query | Protocol::Ec2 => &[("content-type", "application/x-www-form-urlencoded")],
        Protocol::Json => &[
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Echo.Echo"),
        ],
        Protocol::RestJson => &[("content-type", "application/json")],
        Protocol::RestXml => &[("content-type", "application/xml")],
        Protocol::RpcV2Cbor => &[
            ("content-type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
        ],
    };
    let pair = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    pairs.iter().map(pair).collect()
}

/// Reads a body as a request for the operation.
pub fn decode(
    codec: &Codec,
    protocol: Protocol,
    body: Vec<u8>,
) -> Result<Structure, palisade_wire::WireError> {
    let headers = headers(protocol);
    let path = match protocol {
        Protocol::RpcV2Cbor => "/service/Echo/operation/Echo",
        Protocol::RestJson | Protocol::RestXml => "/echo",
        _ => "/",
    };
    let request = Request {
        method: "POST",
        path,
        query: None,
        headers: &headers,
        body: body.into(),
    };
    let _ = codec.protocol(&request);
    let _ = codec.route(protocol, &request);
    codec.decode(protocol, operation(codec), &request, LIMIT)
}

/// Writes a value as an answer and reads it back as a request.
///
/// # Panics
/// When it does not encode, or what was encoded does not decode.
pub fn there_and_back(codec: &Codec, protocol: Protocol, value: &Structure) -> Structure {
    let response = codec
        .encode(protocol, operation(codec), value, "id")
        .expect("it encodes");
    let Body::Bytes(body) = response.into_body() else {
        panic!("no answer is a stream")
    };
    decode(codec, protocol, body.to_vec()).expect("what is encoded decodes")
}

/// The result of a query or EC2 answer, read as REST-XML reads it.
///
/// # Panics
/// When it does not encode, or what was encoded does not decode.
pub fn through_form_answer(codec: &Codec, protocol: Protocol, value: &Structure) -> Structure {
    let response = codec
        .encode(protocol, operation(codec), value, "id")
        .expect("it encodes");
    let Body::Bytes(body) = response.into_body() else {
        panic!("no answer is a stream")
    };
    let text = String::from_utf8(body.to_vec()).expect("XML is UTF-8");
    let document = match protocol {
        Protocol::Ec2 => text
            .replacen("<EchoResponse>", "<EchoResult>", 1)
            .replace("</EchoResponse>", "</EchoResult>"),
        _ => {
            let start = text.find("<EchoResult>").expect("a result");
            let end = text.find("<ResponseMetadata>").expect("the request's id");
            text[start..end].to_owned()
        }
    };
    decode(codec, Protocol::RestXml, document.into_bytes()).expect("what is encoded decodes")
}

/// Sends a value through every protocol, twice: what one pass changes (XML cannot hold control
/// characters, single precision rounds), a second must not.
///
/// # Panics
/// When a second pass changes something, or anything fails.
pub fn check(codec: &Codec, value: &Structure, same: impl Fn(&Structure, &Structure) -> bool) {
    let in_xml = !value.fields.iter().any(|(_, value)| collides(value));
    for protocol in SYMMETRIC {
        if protocol == Protocol::RestXml && !in_xml {
            continue;
        }
        let once = there_and_back(codec, protocol, value);
        let twice = there_and_back(codec, protocol, &once);
        assert!(same(&once, &twice), "{protocol}: {once:?} became {twice:?}");
        if protocol != Protocol::RestXml {
            assert!(same(value, &once), "{protocol}: {value:?} became {once:?}");
        }
    }
    for protocol in [Protocol::Query, Protocol::Ec2]
        .into_iter()
        .filter(|_| in_xml)
    {
        let once = through_form_answer(codec, protocol, value);
        let direct = there_and_back(codec, Protocol::RestXml, value);
        assert!(same(&once, &direct), "{protocol}: {once:?}, not {direct:?}");
    }
}

/// True when keys of a map have characters that XML cannot hold, and so may become the same.
fn collides(value: &Value) -> bool {
    match value {
        Value::Structure(inner) => inner.fields.iter().any(|(_, value)| collides(value)),
        Value::List(values) => values.iter().any(collides),
        Value::Map(entries) => entries.iter().any(|(key, value)| {
            let odd = |character: char| !(' '..'\u{fffd}').contains(&character);
            key.contains(odd) || collides(value)
        }),
        _ => false,
    }
}
