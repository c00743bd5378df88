//! Periods as ISO 8601 writes them, of units whose length does not vary: `P8D`, `P2W`, `PT36H`, `P1DT30M`.

use std::time::Duration;

use palisade_model::ApiError;

const DAY: u64 = 86_400;

/// The units in the order they stand in, each with its seconds; those after the `T` are of a day.
const OF_DATE: [(char, u64); 2] = [('W', 7 * DAY), ('D', DAY)];
const OF_DAY: [(char, u64); 3] = [('H', 3600), ('M', 60), ('S', 1)];

/// Reads a period.
///
/// # Errors
/// A `ValidationException` for what is none.
pub fn parse(text: &str) -> Result<Duration, ApiError> {
    let seconds = seconds(text).ok_or_else(|| {
        ApiError::sender(
            "ValidationException",
            format!("{text} is no period of ISO 8601 in weeks, days, hours, minutes and seconds: P8D, PT36H, P1DT30M"),
        )
    })?;
    Ok(Duration::from_secs(seconds))
}

fn seconds(text: &str) -> Option<u64> {
    let text = text.strip_prefix('P')?;
    let (date, day) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((date, day)) => (date, day),
        None if text.is_empty() => return None,
        None => (text, ""),
    };
    sum(date, &OF_DATE)?.checked_add(sum(day, &OF_DAY)?)
}

/// Numbers, each with its unit, each unit once and in order.
fn sum(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut total: u64 = 0;
    let mut left = units.iter();
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, rest) = text.split_at(end);
        let unit = rest.chars().next()?;
        let (_, length) = left.find(|(name, _)| *name == unit)?;
        let part = number.parse::<u64>().ok()?.checked_mul(*length)?;
        total = total.checked_add(part)?;
        text = &rest[unit.len_utf8()..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_the_sum_of_its_parts() {
        for (text, seconds) in [
            ("P8D", 8 * DAY),
            ("P2W", 14 * DAY),
            ("P1W1D", 8 * DAY),
            ("PT36H", 36 * 3600),
            ("P1DT1H1M1S", DAY + 3661),
            ("PT0S", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "8D",
            "P8",
            "PD",
            "P1M",
            "P1Y",
            "P1D1W",
            "P1D1D",
            "P1H",
            "PT1D",
            "P-1D",
            "P1DT",
            "P1.5D",
            "P1é",
            "P99999999999999999999D",
            "P18446744073709551615D",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
