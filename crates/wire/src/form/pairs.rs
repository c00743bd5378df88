//! The parameters of a form, in an order that keeps what belongs together together.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::content::percent_decode;
use crate::error::WireError;

/// Greatest number of parameters: more than the largest request of any service needs.
const MAX_PAIRS: usize = 16_384;

/// A parameter's name and value, decoded.
pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// All parameters of a request, sorted by name with the dot before every other character, so that
/// `A`, `A.1` and `A.2` stand together though `A-B` is also there. No name is there twice.
pub(crate) struct Pairs<'a>(Vec<Pair<'a>>);

impl<'a> Pairs<'a> {
    /// The parameters of a query string and a body together.
    pub(crate) fn parse(query: &'a str, body: &'a str) -> Result<Self, WireError> {
        let mut pairs = Vec::new();
        for (key, value) in split(query).chain(split(body)) {
            if pairs.len() == MAX_PAIRS {
                return Err(WireError::Syntax(format!(
                    "more than {MAX_PAIRS} parameters"
                )));
            }
            pairs.push((percent_decode(key, true)?, percent_decode(value, true)?));
        }
        pairs.sort_by(|(left, _), (right, _)| compare(left, right));
        match pairs
            .windows(2)
            .find(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
        {
            Some(pair) => Err(WireError::duplicate(
                pair.first().map_or("", |(key, _)| key),
            )),
            None => Ok(Self(pairs)),
        }
    }

    /// The sorted parameters.
    pub(crate) fn as_slice(&self) -> &[Pair<'a>] {
        &self.0
    }
}

/// The names and values of a form or query string, still encoded.
pub(crate) fn split(form: &str) -> impl Iterator<Item = (&str, &str)> {
    form.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The value of the first parameter of that name, which needs no encoding.
pub(crate) fn find<'a>(form: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let same = |key: &str| key == name || percent_decode(key, true).is_ok_and(|key| key == name);
    let (_, value) = split(form).find(|(key, _)| same(key))?;
    percent_decode(value, true).ok()
}

fn compare(left: &str, right: &str) -> Ordering {
    let rank = |byte: u8| if byte == b'.' { 0 } else { u16::from(byte) + 1 };
    left.bytes().map(rank).cmp(right.bytes().map(rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_and_what_follows_its_dot_stand_together() {
        let pairs = Pairs::parse("A-B=1&A.10=2", "A.9=3&A=4&AB=5").unwrap();
        let keys: Vec<&str> = pairs
            .as_slice()
            .iter()
            .map(|(key, _)| key.as_ref())
            .collect();
        assert_eq!(keys, ["A", "A.10", "A.9", "A-B", "AB"]);
    }

    #[test]
    fn a_name_given_twice_is_refused_wherever_it_stands() {
        assert_eq!(
            Pairs::parse("A=1", "%41=1").err(),
            Some(WireError::Duplicate("A".into()))
        );
        assert!(Pairs::parse("A=1&A=1", "").is_err());
    }

    #[test]
    fn broken_encoding_is_refused() {
        for form in ["A=%", "A=%4", "A=%zz", "%ff=1", "A=%c3%28", "A=%+1"] {
            assert!(
                matches!(Pairs::parse("", form), Err(WireError::Syntax(_))),
                "{form}"
            );
        }
    }

    #[test]
    fn a_plus_is_a_space() {
        let pairs = Pairs::parse("", "A=b+c%2Bd").unwrap();
        assert_eq!(pairs.as_slice()[0].1, "b c+d");
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        let form: String = (0..=MAX_PAIRS).map(|n| format!("A{n}=&")).collect();
        assert!(matches!(Pairs::parse("", &form), Err(WireError::Syntax(_))));
    }
}
