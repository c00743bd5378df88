//! What is written is read back the same, and no bytes make the codec panic.

mod common;

use common::random::Random;
use common::request::Sent;
use common::same::same_members;
use common::{answer, cases, echo, folder, form};
use palisade_model::{Location, Protocol, Structure};
use palisade_wire::{Body, Codec};

const SEED: u64 = 20_200_101;

#[test]
fn random_values_survive_every_protocol() {
    let codec = echo::codec();
    let shape = codec
        .model()
        .structure(echo::operation(&codec).input.unwrap())
        .unwrap();
    let mut random = Random::new(SEED);
    for _ in 0..1_000 {
        let value = random.structure(codec.model(), shape, 4);
        echo::check(&codec, &value, same_members);
    }
}

#[test]
fn random_values_survive_forms() {
    let codec = echo::codec();
    let shape = codec
        .model()
        .structure(echo::operation(&codec).input.unwrap())
        .unwrap();
    let mut random = Random::new(SEED);
    for _ in 0..1_000 {
        let value = random.structure(codec.model(), shape, 4);
        for protocol in [Protocol::Query, Protocol::Ec2] {
            let body = form::write(codec.model(), protocol, shape, &value);
            let found = echo::decode(&codec, protocol, body.clone().into_bytes())
                .unwrap_or_else(|error| panic!("{error}: {body}"));
            let expected = without_empty(value.clone());
            let found = without_empty(found);
            assert!(
                same_members(&found, &expected),
                "{body}\n{found:?}, not\n{expected:?}"
            );
        }
    }
}

/// A form cannot hold a structure without members: it is left out where it can be.
fn without_empty(structure: Structure) -> Structure {
    use palisade_model::Value;
    fn prune(value: Value) -> Value {
        match value {
            Value::Structure(inner) => match without_empty(inner) {
                inner if inner.is_empty() => Value::Null,
                inner => Value::Structure(inner),
            },
            Value::List(values) => {
                let kept: Vec<Value> = values
                    .into_iter()
                    .map(prune)
                    .filter(|v| !v.is_null())
                    .collect();
                if kept.is_empty() {
                    Value::Null
                } else {
                    Value::List(kept)
                }
            }
            Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, prune(value)))
                    .collect(),
            ),
            other => other,
        }
    }
    let fields = structure
        .fields
        .into_iter()
        .map(|(name, value)| (name, prune(value)));
    Structure {
        fields: fields.filter(|(_, value)| !value.is_null()).collect(),
    }
}

#[test]
fn mutated_requests_never_panic_and_what_they_decode_to_survives() {
    let Some(folder) = folder() else { return };
    let mut random = Random::new(SEED);
    let (mut decoded, mut refused) = (0, 0);
    for case in cases(&folder, "input") {
        let codec = Codec::new(case.model);
        for _ in 0..30 {
            let sent = mutated(Sent::of(&case), &mut random);
            match outcome(&codec, &sent) {
                true => decoded += 1,
                false => refused += 1,
            }
        }
    }
    println!("{decoded} mutated requests decode, {refused} are refused");
    assert!(
        decoded > 1_000 && refused > 1_000,
        "mutations reach both outcomes"
    );
}

fn mutated(mut sent: Sent, random: &mut Random) -> Sent {
    match random.below(4) {
        0 => sent.path = mutated_text(sent.path, random),
        1 => sent.query = Some(mutated_text(sent.query.unwrap_or_default(), random)),
        2 => {
            for value in sent.headers.values_mut() {
                let mut bytes = value.as_bytes().to_vec();
                random.mutate(&mut bytes);
                if let Ok(changed) = http::HeaderValue::from_bytes(&bytes) {
                    *value = changed;
                }
            }
        }
        _ => random.mutate(&mut sent.body),
    }
    sent
}

fn mutated_text(text: String, random: &mut Random) -> String {
    let mut bytes = text.into_bytes();
    random.mutate(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Decodes a request and answers it: with what it decodes to where requests and answers have one
/// form, with the error otherwise.
fn outcome(codec: &Codec, sent: &Sent) -> bool {
    let request = sent.request();
    let protocol = codec.protocol(&request);
    let input = codec.route(protocol, &request).and_then(|operation| {
        Ok((
            operation,
            codec.decode(protocol, operation, &request, 1 << 20)?,
        ))
    });
    match input {
        Ok((operation, input)) => {
            let Some(shape) = operation.input.and_then(|id| codec.model().structure(id)) else {
                return true;
            };
            let in_body = shape
                .members()
                .iter()
                .all(|member| member.location == Location::Body);
            if matches!(protocol, Protocol::Json | Protocol::RpcV2Cbor) && in_body {
                let again = answered(codec, protocol, operation, &input, sent);
                assert!(same_members(&input, &again), "{input:?} became {again:?}");
            }
            true
        }
        Err(error) => {
            let response = codec.encode_error(protocol, &error.to_api_error(protocol), "id");
            assert!(response.status().is_client_error() || response.status() == 501);
            let Body::Bytes(body) = response.body() else {
                panic!("no error is a stream")
            };
            assert!(
                answer::tree(protocol, body)
                    .expect("an error is well-formed")
                    .is_object()
            );
            false
        }
    }
}

/// The input written by the codec as the output it is made the shape of, and read again.
fn answered(
    codec: &Codec,
    protocol: Protocol,
    operation: &'static palisade_model::Operation,
    input: &Structure,
    sent: &Sent,
) -> Structure {
    assert_eq!(
        operation.input, operation.output,
        "the models give back what they take"
    );
    let response = codec
        .encode(protocol, operation, input, "id")
        .expect("it encodes");
    let Body::Bytes(body) = response.into_body() else {
        panic!("no answer is a stream")
    };
    let mut headers = sent.headers.clone();
    headers.remove("content-encoding");
    headers.insert("content-type", response_type(protocol));
    let request = palisade_wire::Request {
        headers: &headers,
        body: Body::Bytes(body),
        ..sent.request()
    };
    codec
        .decode(protocol, operation, &request, 1 << 20)
        .expect("what is encoded decodes")
}

fn response_type(protocol: Protocol) -> http::HeaderValue {
    http::HeaderValue::from_static(match protocol {
        Protocol::RpcV2Cbor => "application/cbor",
        _ => "application/x-amz-json-1.1",
    })
}
