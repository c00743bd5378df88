//! Ordinary requests: the benign values in the places people and programs put them.

use super::benign;
use super::request::{Case, json_string, multipart, path_escape, query_escape};

/// One class for each source, each value in one place, which its own bytes choose.
pub fn classes(source_max: usize) -> Vec<(String, Vec<Case>)> {
    let counted = benign::benign(source_max)
        .into_iter()
        .filter(|class| class.name.starts_with("benign"));
    counted
        .map(|class| {
            let cases = class.values.iter().map(|value| placed(value)).collect();
            (class.name, cases)
        })
        .collect()
}

fn placed(value: &[u8]) -> Case {
    let short = value.len() <= 1500;
    match value
        .iter()
        .fold(value.len(), |sum, byte| sum + *byte as usize)
        % 6
    {
        0 if short => Case::argument(value),
        1 => Case::post(
            "application/x-www-form-urlencoded",
            [b"page=2&comment=", query_escape(value).as_slice()].concat(),
            value,
        ),
        2 => Case::post(
            "application/json",
            [
                &b"{\"id\": 7, \"tags\": [\"a\"], \"text\": "[..],
                &json_string(value),
                b"}",
            ]
            .concat(),
            value,
        ),
        3 => {
            let (kind, body) = multipart(b"message", value);
            Case::post(&kind, body, value)
        }
        // No link to a page holds a line break or another control.
        4 if value.len() < 120
            && !value.contains(&b'/')
            && !value.iter().any(u8::is_ascii_control) =>
        {
            Case::get(
                [b"/articles/", path_escape(value).as_slice()].concat(),
                value,
            )
        }
        _ if value.len() < 300 => Case::get(b"/".to_vec(), value).with(
            "Cookie",
            &[b"session=abc; last=", query_escape(value).as_slice()].concat(),
        ),
        _ => Case::post(
            "application/json",
            [&b"{\"text\": "[..], &json_string(value), b"}"].concat(),
            value,
        ),
    }
}
