//! The table of AWS-managed policies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    policies: BTreeMap<&'a str, Policy<'a>>,
}

#[derive(Deserialize)]
struct Policy<'a> {
    path: &'a str,
    version: &'a str,
    created: &'a str,
    updated: &'a str,
    #[serde(borrow)]
    document: &'a RawValue,
}

const HEAD: &str = r#"
/// An AWS-managed policy.
#[derive(Debug)]
pub struct ManagedPolicy {
    /// Name, such as `AdministratorAccess`.
    pub name: &'static str,
    /// Path, such as `/` or `/service-role/`.
    pub path: &'static str,
    /// Its default version, such as `v1`; the document is that version's.
    pub default_version: &'static str,
    /// When it was made, in ISO 8601.
    pub created: &'static str,
    /// When its default version was made, in ISO 8601.
    pub updated: &'static str,
    document: std::ops::Range<usize>,
}

impl ManagedPolicy {
    /// The policy document, in compact JSON.
    pub fn document(&self) -> &'static str {
        MANAGED_POLICY_TEXT.get(self.document.clone()).unwrap_or_default()
    }

    /// `arn:aws:iam::aws:policy` with path and name.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }
}

/// The AWS-managed policy of that name.
pub fn managed_policy(name: &str) -> Option<&'static ManagedPolicy> {
    let at = MANAGED_POLICIES.binary_search_by(|policy| policy.name.cmp(name)).ok()?;
    MANAGED_POLICIES.get(at)
}
"#;

/// The table as code, from the text of the file at that path, which the code embeds.
///
/// # Errors
/// When the text is no such file.
pub fn policy_table(path: &Path, text: &str) -> Result<String, String> {
    let file: File<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut out = format!("{HEAD}\nstatic MANAGED_POLICY_TEXT: &str = include_str!({path:?});\n");
    out.push_str("/// Every AWS-managed policy, sorted by name.\npub static MANAGED_POLICIES: &[ManagedPolicy] = &[\n");
    for (name, policy) in &file.policies {
        let document = policy.document.get();
        // Both are slices of one text, so the difference of their addresses is the offset.
        let start = document.as_ptr() as usize - text.as_ptr() as usize;
        let end = start + document.len();
        let Policy { path, version, .. } = policy;
        let (created, updated) = (utc(policy.created), utc(policy.updated));
        let _ = writeln!(
            out,
            "ManagedPolicy {{ name: {name:?}, path: {path:?}, default_version: {version:?}, created: {created:?}, updated: {updated:?}, document: {start}..{end} }},"
        );
    }
    out.push_str("];\n");
    Ok(out)
}

fn utc(moment: &str) -> String {
    moment.replace("+00:00", "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_a_slice_of_the_embedded_text() {
        let text = r#"{"policies":{"A":{"path":"/","version":"v1","created":"2015-02-06T18:39:46+00:00","updated":"2015-02-06T18:39:46+00:00","document":{"Version":"2012-10-17"}}}}"#;
        let table = policy_table(Path::new("/policies.json"), text).expect("a table");
        let range = table
            .rsplit_once("document: ")
            .and_then(|(_, rest)| rest.split_once(' '))
            .expect("a range")
            .0;
        let (start, end) = range.split_once("..").expect("two ends");
        let slice = text.get(start.parse().expect("a number")..end.parse().expect("a number"));
        assert_eq!(slice, Some(r#"{"Version":"2012-10-17"}"#));
        assert!(table.contains(r#"created: "2015-02-06T18:39:46Z""#));
    }
}
