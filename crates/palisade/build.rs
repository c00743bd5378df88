//! Packs what `palisade policy check` knows of services, actions and condition keys into one compressed text: nothing touches it
//! before it is asked.
//!
//! A line a service, by prefix: `prefix TAB keys TAB actions`, the lists separated by commas. Keys are `-` where they are not known.
//! An action is `Name` or `Name:0 3 7;9`: numbers of its condition keys and of the ARNs of its resource types in the line of all such,
//! which comes first. The second line has the service principals that AWS's managed policies name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let data = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../data");
    for file in ["actions", "action-names.json", "managed-policies.json"] {
        println!("cargo::rerun-if-changed={}", data.join(file).display());
    }
    let packed = packed(&data)?;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(packed.as_bytes())?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("actions.deflate");
    fs::write(out, encoder.finish()?)?;
    Ok(())
}

fn packed(data: &Path) -> Result<String, Failure> {
    let names = read(&data.join("action-names.json"))?;
    let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (prefix, actions) in object(&names["names"]) {
        services.insert(prefix.clone(), texts(actions));
    }
    let mut known = BTreeMap::new();
    for entry in fs::read_dir(data.join("actions"))? {
        let service = read(&entry?.path())?;
        let prefix = service["prefix"].as_str().ok_or("a file without prefix")?;
        // Our own actions are in no list of AWS's; the global keys have no actions.
        services.entry(prefix.to_owned()).or_insert_with(|| {
            object(&service["actions"])
                .map(|(name, _)| name.clone())
                .collect()
        });
        known.insert(prefix.to_owned(), service);
    }
    let mut keys = Numbered::default();
    let mut lines = String::new();
    for (prefix, actions) in &services {
        let service = known.get(prefix);
        let all = service.map_or_else(|| "-".to_owned(), |service| all_keys(service).join(","));
        let actions: Vec<String> = actions
            .iter()
            .map(|name| match service {
                Some(service) => keys.with_action(
                    name,
                    action_keys(service, name),
                    action_resources(service, name),
                ),
                None => name.clone(),
            })
            .collect();
        writeln!(lines, "{prefix}\t{all}\t{}", actions.join(","))?;
    }
    let policies = fs::read_to_string(data.join("managed-policies.json"))?;
    let principals: Vec<&str> = principals(&policies).into_iter().collect();
    Ok(format!(
        "{}\n{}\n{lines}",
        keys.names.join(","),
        principals.join(",")
    ))
}

#[derive(Default)]
struct Numbered {
    names: Vec<String>,
}

impl Numbered {
    fn number(&mut self, key: &str) -> usize {
        let known = self.names.iter().position(|name| name == key);
        known.unwrap_or_else(|| {
            self.names.push(key.to_owned());
            self.names.len() - 1
        })
    }

    fn with_action(
        &mut self,
        name: &str,
        keys: BTreeSet<String>,
        resources: BTreeSet<String>,
    ) -> String {
        if keys.is_empty() && resources.is_empty() {
            return name.to_owned();
        }
        format!(
            "{name}:{};{}",
            self.numbers(&keys),
            self.numbers(&resources)
        )
    }

    fn numbers(&mut self, names: &BTreeSet<String>) -> String {
        let numbers = names.iter().map(|name| self.number(name).to_string());
        numbers.collect::<Vec<String>>().join(" ")
    }
}

/// The service principals in a text: names that end with the domain.
fn principals(text: &str) -> BTreeSet<&str> {
    const DOMAIN: &str = ".amazonaws.com";
    let of_name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(DOMAIN) {
        let before = text[..at].bytes().rev().take_while(|byte| of_name(*byte));
        let start = at - before.count();
        found.insert(&text[start..at + DOMAIN.len()]);
    }
    found.remove(DOMAIN);
    found
}

/// The ARNs of the resource types that an action is about.
fn action_resources(service: &Value, name: &str) -> BTreeSet<String> {
    let used = service["actions"][name]["resources"].as_array();
    let kinds = used
        .into_iter()
        .flatten()
        .filter_map(|used| used["type"].as_str());
    let arns = kinds.filter_map(|kind| service["resources"][kind]["arn"].as_str());
    arns.map(str::to_owned).collect()
}

/// The keys an action is asked with: its own, and those of its resource types.
fn action_keys(service: &Value, name: &str) -> BTreeSet<String> {
    let action = &service["actions"][name];
    let mut keys: BTreeSet<String> = texts(&action["keys"]).into_iter().collect();
    for used in action["resources"].as_array().into_iter().flatten() {
        keys.extend(texts(&used["keys"]));
        let kind = used["type"].as_str().unwrap_or_default();
        keys.extend(texts(&service["resources"][kind]["keys"]));
    }
    keys
}

/// All keys of a service: those it lists, and those its actions have.
fn all_keys(service: &Value) -> Vec<String> {
    let mut keys: BTreeSet<String> = object(&service["keys"])
        .map(|(key, _)| key.clone())
        .collect();
    for (name, _) in object(&service["actions"]) {
        keys.extend(action_keys(service, name));
    }
    keys.into_iter().collect()
}

fn read(path: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}
