//! Uses keys as it is told on standard input, for the differential tests against other libraries
//! (`tests/keyring`): a JSON object a line, bytes in hexadecimal, an answer a line.
//!
//! It prints secrets. It is for tests only.

use std::io::{BufRead, Write};

use palisade_keyring::spec::{KeySpec, KeyUsage, MessageType, WrappingKeySpec};
use palisade_keyring::{
    KeyError, Material, PublicKey, Random, Secret, ToSign, WrappingKey, import,
};
use serde_json::{Value, json};

fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = serde_json::from_str(&line.expect("a line"))
            .map_err(|error| error.to_string())
            .and_then(|request| answer(&Request(request)));
        let answer = answer.unwrap_or_else(|error| json!({ "error": error }));
        writeln!(out, "{answer}")
            .and_then(|()| out.flush())
            .expect("an open pipe");
    }
}

fn answer(request: &Request) -> Result<Value, String> {
    match request.text("do")? {
        "specs" => Ok(specs()),
        "generate" => {
            let key = Material::generate(request.parse("spec")?, &mut System).map_err(code)?;
            described(&key)
        }
        "import" => described(&request.key()?),
        "sign" => {
            let signed =
                request
                    .key()?
                    .sign(request.parse("algorithm")?, request.message()?, &mut System);
            Ok(json!({ "signature": hex(&signed.map_err(code)?) }))
        }
        "verify" => {
            let (key, algorithm) = (request.public()?, request.parse("algorithm")?);
            key.verify(algorithm, request.message()?, &request.bytes("signature")?)
                .map_err(code)?;
            Ok(json!({}))
        }
        "encrypt" => {
            let (key, algorithm) = (request.public()?, request.parse("algorithm")?);
            let ciphertext = key
                .encrypt(algorithm, &request.bytes("plaintext")?)
                .map_err(code)?;
            Ok(json!({ "ciphertext": hex(&ciphertext) }))
        }
        "decrypt" => {
            let opened = request
                .key()?
                .decrypt(request.parse("algorithm")?, &request.bytes("ciphertext")?);
            secret(opened)
        }
        "mac" => {
            let mac = request
                .key()?
                .mac(request.parse("algorithm")?, &request.bytes("message")?);
            Ok(json!({ "mac": hex(&mac.map_err(code)?) }))
        }
        "agree" => secret(
            request
                .key()?
                .agree(request.parse("algorithm")?, &request.bytes("peer")?),
        ),
        "encapsulate" => {
            let (ciphertext, shared) = request
                .public()?
                .encapsulate(request.parse("algorithm")?)
                .map_err(code)?;
            Ok(json!({ "ciphertext": hex(&ciphertext), "secret": hex(shared.expose()) }))
        }
        "decapsulate" => {
            let shared = request
                .key()?
                .decapsulate(request.parse("algorithm")?, &request.bytes("ciphertext")?);
            secret(shared)
        }
        "wrapping" => {
            let key = WrappingKey::generate(request.parse("wrapping")?).map_err(code)?;
            let private = key.to_secret_bytes().map_err(code)?;
            Ok(json!({ "private": hex(private.expose()), "public": hex(key.public_key().der()) }))
        }
        "unwrap" => {
            let wrapping: WrappingKeySpec = request.parse("wrapping")?;
            let (spec, algorithm) = (request.parse("spec")?, request.parse("algorithm")?);
            import::check(spec, wrapping, algorithm).map_err(code)?;
            let key = WrappingKey::from_secret_bytes(wrapping, &request.bytes("private")?)
                .map_err(code)?;
            let opened = key
                .open(algorithm, &request.bytes("encrypted")?)
                .map_err(code)?;
            described(&import::read(spec, opened.expose()).map_err(code)?)
        }
        other => Err(format!("nothing to do called {other}")),
    }
}

fn specs() -> Value {
    let names = |spec: &KeySpec, usage: KeyUsage| {
        spec.algorithms_for(usage)
            .map(|all| (usage.as_str().to_owned(), json!(all.names())))
    };
    let uses = |spec: &KeySpec| {
        spec.usages()
            .filter_map(|usage| names(spec, usage))
            .collect::<serde_json::Map<_, _>>()
    };
    KeySpec::ALL
        .iter()
        .map(|spec| (spec.as_str().to_owned(), Value::Object(uses(spec))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A key as the other commands take it: `private` is PKCS#8, or the raw key.
fn described(key: &Material) -> Result<Value, String> {
    let private = key
        .private_key_pkcs8()
        .or_else(|_| key.to_secret_bytes())
        .map_err(code)?;
    let public = key.public_key().map(|public| hex(public.der()));
    Ok(json!({ "private": hex(private.expose()), "public": public }))
}

fn secret(bytes: Result<Secret, KeyError>) -> Result<Value, String> {
    Ok(json!({ "secret": hex(bytes.map_err(code)?.expose()) }))
}

fn code(error: KeyError) -> String {
    error.code().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Request(Value);

impl Request {
    fn text(&self, name: &str) -> Result<&str, String> {
        self.0[name].as_str().ok_or_else(|| format!("no {name}"))
    }

    fn parse<T: std::str::FromStr>(&self, name: &str) -> Result<T, String> {
        self.text(name)?
            .parse()
            .map_err(|_| format!("no such {name}"))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        let text = self.text(name)?;
        let pairs = (0..text.len()).step_by(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
            .collect();
        bytes.ok_or_else(|| format!("{name} is not hexadecimal"))
    }

    fn key(&self) -> Result<Material, String> {
        import::read(self.parse("spec")?, &self.bytes("private")?).map_err(code)
    }

    fn public(&self) -> Result<PublicKey, String> {
        PublicKey::from_der(self.parse("spec")?, &self.bytes("public")?).map_err(code)
    }

    fn message(&self) -> Result<ToSign<'_>, String> {
        let kind: MessageType = self.parse("type")?;
        // The example ends with its input: what a message leaves behind does not add up.
        Ok(ToSign::new(kind, self.bytes("message")?.leak()))
    }
}

/// The operating system's randomness, by way of aws-lc.
struct System;

impl Random for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
    }
}
