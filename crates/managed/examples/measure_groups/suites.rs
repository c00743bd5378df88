//! Whole requests of GoTestWAF's and the Core Rule Set's test suites.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use yaml_rust2::Yaml;

use super::corpus::files;
use super::request::{Case, grpc, js_unicode, multipart, path_escape, raw_target, xml_escape};

fn yaml(path: &Path) -> Option<Yaml> {
    let bytes = std::fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    yaml_rust2::YamlLoader::load_from_str(&text)
        .ok()?
        .into_iter()
        .next()
}

fn list(value: &Yaml) -> impl Iterator<Item = &Yaml> {
    value.as_vec().into_iter().flatten()
}

/// Every payload in every place with every encoder its file names.
pub fn gotestwaf(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in files(&folder.join("gotestwaf/testcases")) {
        let Some(file) = yaml(&path) else { continue };
        for payload in list(&file["payload"]).filter_map(Yaml::as_str) {
            for encoder in list(&file["encoder"]).filter_map(Yaml::as_str) {
                let encoded = encode(encoder, payload.as_bytes());
                for place in list(&file["placeholder"]) {
                    cases.extend(placed(place, payload.as_bytes(), &encoded));
                }
            }
        }
    }
    cases
}

fn encode(encoder: &str, payload: &[u8]) -> Vec<u8> {
    match encoder {
        "URL" => path_escape(payload),
        "Base64" => STANDARD.encode(payload).into_bytes(),
        "Base64Flat" => STANDARD_NO_PAD.encode(payload).into_bytes(),
        "JSUnicode" => js_unicode(payload),
        "XMLEntity" => xml_escape(payload),
        _ => payload.to_vec(),
    }
}

fn placed(place: &Yaml, payload: &[u8], encoded: &[u8]) -> Option<Case> {
    if let Some(table) = place.as_hash() {
        let (name, settings) = table.iter().next()?;
        return match name.as_str()? {
            "RawRequest" => raw_request(settings, payload, encoded),
            "GraphQL" if settings["method"].as_str() == Some("GET") => Some(Case::get(
                [b"/graphql?query=", raw_target(encoded).as_slice()].concat(),
                payload,
            )),
            "GraphQL" => Some(Case::post("application/json", encoded.to_vec(), payload)),
            _ => None,
        };
    }
    Some(match place.as_str()? {
        "URLParam" => Case::get(
            [b"/?a1b2c3=", raw_target(encoded).as_slice()].concat(),
            payload,
        ),
        "URLPath" => Case::get([b"/", raw_target(encoded).as_slice()].concat(), payload),
        "Header" => Case::get(b"/".to_vec(), payload).with("X-a1b2c3", encoded),
        "UserAgent" => Case::get(b"/".to_vec(), payload).with("User-Agent", encoded),
        "HTMLForm" => Case::post(
            "application/x-www-form-urlencoded",
            [b"a1b2c3=", encoded].concat(),
            payload,
        ),
        "HTMLMultipartForm" => {
            let (kind, body) = multipart(b"a1b2c3", encoded);
            Case::post(&kind, body, payload)
        }
        "JSONRequest" | "JSONBody" => Case::post(
            "application/json",
            [
                &b"{\"test\":true, \"a1b2c3\": \""[..],
                &js_unicode(encoded),
                b"\"}",
            ]
            .concat(),
            payload,
        ),
        "SOAPBody" => Case::post("text/xml", soap(&xml_escape(encoded)), payload),
        "XMLBody" => Case::post("text/xml", encoded.to_vec(), payload),
        "RequestBody" => Case::post("text/plain", encoded.to_vec(), payload),
        "gRPC" => Case::post("application/grpc", grpc(encoded), payload),
        _ => return None,
    })
}

fn soap(inside: &[u8]) -> Vec<u8> {
    [
        &b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><f><ab1>"[..],
        inside,
        b"</ab1></f></s:Body></s:Envelope>",
    ]
    .concat()
}

fn raw_request(settings: &Yaml, payload: &[u8], encoded: &[u8]) -> Option<Case> {
    let filled = |text: &str| {
        let parts: Vec<&[u8]> = text.split("{{payload}}").map(str::as_bytes).collect();
        parts.join(encoded)
    };
    let mut case = Case::get(
        raw_target(&filled(settings["path"].as_str().unwrap_or("/"))),
        payload,
    );
    case.method = settings["method"].as_str()?.to_owned();
    for (name, value) in settings["headers"].as_hash().into_iter().flatten() {
        case = case.with(name.as_str()?, &filled(value.as_str()?));
    }
    case.body = filled(settings["body"].as_str().unwrap_or(""));
    Some(case)
}

/// Families whose positives are measured.
const FAMILIES: [i64; 9] = [921, 930, 931, 932, 933, 934, 941, 942, 944];
/// Rules of these families above paranoia level 1, as the rules' own tags say.
const ABOVE_1: &[i64] = &[
    921151, 921180, 921210, 921220, 921230, 921422, 930121, 931130, 931131, 932131, 932161, 932190,
    932200, 932205, 932206, 932207, 932210, 932220, 932231, 932232, 932236, 932237, 932238, 932239,
    932240, 932271, 932281, 932300, 932301, 932310, 932311, 932320, 932321, 932331, 932371, 933111,
    933131, 933151, 933152, 933153, 933161, 933190, 933211, 934101, 934120, 934140, 941101, 941120,
    941150, 941181, 941320, 941330, 941340, 941380, 942101, 942120, 942130, 942131, 942150, 942152,
    942180, 942200, 942210, 942251, 942260, 942300, 942310, 942321, 942330, 942340, 942361, 942362,
    942370, 942380, 942390, 942400, 942410, 942420, 942421, 942430, 942431, 942432, 942440, 942450,
    942460, 942470, 942480, 942490, 942510, 942511, 942520, 942521, 942522, 942530, 944151, 944152,
    944200, 944210, 944240, 944260, 944300,
];

/// The positives of paranoia level 1, by family.
pub fn crs(folder: &Path) -> Vec<(i64, Vec<Case>)> {
    let mut families: Vec<(i64, Vec<Case>)> = FAMILIES
        .iter()
        .map(|family| (*family, Vec::new()))
        .collect();
    for path in files(&folder.join("crs-regression/tests")) {
        let Some(file) = yaml(&path) else { continue };
        let id = file["rule_id"].as_i64().unwrap_or_default();
        let family = families.iter_mut().find(|(family, _)| *family == id / 1000);
        let Some((_, cases)) = family.filter(|_| !ABOVE_1.contains(&id)) else {
            continue;
        };
        for stage in list(&file["tests"]).flat_map(|test| list(&test["stages"])) {
            let mut expected = list(&stage["output"]["log"]["expect_ids"]).filter_map(Yaml::as_i64);
            if expected.any(|expected| expected == id) {
                cases.extend(stage_case(&stage["input"], id));
            }
        }
    }
    families
}

fn stage_case(input: &Yaml, id: i64) -> Option<Case> {
    if !input["encoded_request"].is_badvalue() {
        return None;
    }
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    let uri = match text("uri") {
        "" => "/",
        uri => uri,
    };
    let mut case = Case {
        method: match text("method") {
            "" => "GET",
            method => method,
        }
        .to_owned(),
        uri: uri.as_bytes().to_vec(),
        headers: Vec::new(),
        body: text("data").as_bytes().to_vec(),
        value: Vec::new(),
    };
    for (name, value) in input["headers"].as_hash().into_iter().flatten() {
        let value = match value {
            Yaml::String(text) => text.clone(),
            Yaml::Integer(number) => number.to_string(),
            _ => continue,
        };
        case.headers
            .push((name.as_str()?.to_owned(), value.into_bytes()));
    }
    let has = |name: &str| {
        case.headers
            .iter()
            .any(|(have, _)| have.eq_ignore_ascii_case(name))
    };
    // What the suite's own client adds.
    if !case.body.is_empty() && !has("content-type") {
        let form = b"application/x-www-form-urlencoded".to_vec();
        case.headers.push(("Content-Type".to_owned(), form));
    }
    let shown = case.headers.iter().filter(|(name, _)| {
        !["host", "user-agent", "accept"]
            .iter()
            .any(|dull| name.eq_ignore_ascii_case(dull))
    });
    let headers: Vec<u8> = shown
        .flat_map(|(name, value)| [b" ", name.as_bytes(), b": ", value].concat())
        .collect();
    case.value = [
        format!("{id} ").as_bytes(),
        &case.uri,
        &headers,
        b" | ",
        &case.body,
    ]
    .concat();
    Some(case)
}
