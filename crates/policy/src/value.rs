//! Typed values of conditions: numbers, moments, networks.
//!
//! Source: IAM User Guide, "Condition operators"; dates are the W3C profile of ISO 8601 or epoch seconds.

use crate::request::Timestamp;
use std::cmp::Ordering;
use std::net::IpAddr;

/// A decimal number of any length, compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// No leading zeros.
    whole: Box<str>,
    /// No trailing zeros.
    fraction: Box<str>,
}

impl Decimal {
    /// Reads `-12.50` and its like. No exponents, no separators.
    pub fn parse(text: &str) -> Option<Decimal> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty())
        {
            return None;
        }
        let whole: Box<str> = whole.trim_start_matches('0').into();
        let fraction: Box<str> = fraction.trim_end_matches('0').into();
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Decimal {
            negative: negative && !zero,
            whole,
            fraction,
        })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let size = |a: &Decimal, b: &Decimal| {
            let whole = a
                .whole
                .len()
                .cmp(&b.whole.len())
                .then_with(|| a.whole.cmp(&b.whole));
            whole.then_with(|| a.fraction.cmp(&b.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => size(self, other),
            (true, true) => size(other, self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Reads a moment: a year of four digits, a date, a date with time (`Z`, an offset, or none for UTC), or
/// seconds since the epoch.
pub(crate) fn parse_moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let epoch = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if epoch && (text.len() != 4 || text.starts_with('-')) {
        parse_epoch(text)
    } else {
        parse_iso(text)
    }
}

fn parse_epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let nanos = nanos(fraction)?;
    if text.starts_with('-') && nanos > 0 {
        return Some(Timestamp {
            seconds: seconds.checked_sub(1)?,
            nanos: 1_000_000_000 - nanos,
        });
    }
    Some(Timestamp { seconds, nanos })
}

fn nanos(fraction: &str) -> Option<u32> {
    if fraction.bytes().any(|b| !b.is_ascii_digit()) {
        return None;
    }
    let first_nine: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    first_nine.parse().ok()
}

fn parse_iso(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
    let has_day = date.len() == 10;
    let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
    if parts.next().is_some()
        || !(1..=12).contains(&month)
        || day < 1
        || day > days_in_month(year, month)
    {
        return None;
    }
    let (in_day, nanos) = match time {
        Some(time) if has_day => parse_time(time)?,
        Some(_) => return None,
        None => (0, 0),
    };
    Some(Timestamp {
        seconds: days_from_civil(year, month, day) * 86_400 + in_day,
        nanos,
    })
}

/// `hh:mm[:ss[.s]]` with its zone, as seconds of the day in UTC (which may be outside the day) and nanoseconds.
fn parse_time(time: &str) -> Option<(i64, u32)> {
    let (clock, offset) = if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        (clock, 0)
    } else if let Some((clock, zone)) = time.split_once('+') {
        (clock, parse_offset(zone)?)
    } else if let Some((clock, zone)) = time.split_once('-') {
        (clock, -parse_offset(zone)?)
    } else {
        (time, 0)
    };
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let (second, fraction) = match parts.next() {
        Some(seconds) => {
            let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            (number(second, 2)?, nanos(fraction)?)
        }
        None => (0, 0),
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some((hour * 3600 + minute * 60 + second - offset, fraction))
}

fn parse_offset(zone: &str) -> Option<i64> {
    let (hours, minutes) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
    let (hours, minutes) = (
        number(hours, 2)?,
        if minutes.is_empty() {
            0
        } else {
            number(minutes, 2)?
        },
    );
    (hours <= 23 && minutes <= 59).then_some(hours * 3600 + minutes * 60)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let right = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    if right { text.parse().ok() } else { None }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of counting days: year, month, day.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads an address or a CIDR range; an address alone is a range of one.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                let plain = !prefix.is_empty()
                    && prefix.len() <= 3
                    && prefix.bytes().all(|b| b.is_ascii_digit());
                (
                    address,
                    if plain {
                        prefix.parse::<u8>().ok()
                    } else {
                        None
                    }?
                    .into(),
                )
            }
            None => (text, None),
        };
        let base: IpAddr = address.parse().ok()?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        (prefix <= longest).then_some(Network { base, prefix })
    }

    /// Is the address in the range? An IPv4 address written as IPv6 (`::ffff:a.b.c.d`) is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => same_prefix(
                u128::from(base.to_bits()) << 96,
                u128::from(address.to_bits()) << 96,
                self.prefix,
            ),
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                same_prefix(base.to_bits(), address.to_bits(), self.prefix)
            }
            (IpAddr::V6(base), IpAddr::V4(address)) => same_prefix(
                base.to_bits(),
                address.to_ipv6_mapped().to_bits(),
                self.prefix,
            ),
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (128 - u32::from(bits)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn less(a: &str, b: &str) -> bool {
        Decimal::parse(a).unwrap() < Decimal::parse(b).unwrap()
    }

    #[test]
    fn decimals_compare_exactly() {
        assert!(less("9", "10") && less("-10", "-9") && less("-1", "0.5") && less("1.5", "1.51"));
        assert!(less("9007199254740992", "9007199254740993"));
        for (a, b) in [
            ("1.0", "1"),
            ("-0", "0"),
            ("007", "7"),
            (".5", "0.50"),
            ("+3", "3"),
            ("5.", "5"),
        ] {
            assert_eq!(Decimal::parse(a), Decimal::parse(b), "{a} {b}");
        }
        for bad in [
            "", "-", ".", "1e3", "0x1", "1,000", "1.2.3", "one", "--1", "٣",
        ] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }

    fn seconds(text: &str) -> Option<i64> {
        parse_moment(text).map(|moment| moment.seconds)
    }

    #[test]
    fn moments_of_every_form() {
        assert_eq!(seconds("2023-11-14T22:13:20Z"), Some(1_700_000_000));
        assert_eq!(seconds("2023-11-14T23:43:20+01:30"), Some(1_700_000_000));
        assert_eq!(seconds("2023-11-14T17:13:20-0500"), Some(1_700_000_000));
        assert_eq!(seconds("2023-11-14T22:13Z"), Some(1_699_999_980));
        assert_eq!(seconds("2023-11-14"), Some(1_699_920_000));
        assert_eq!(seconds("2023-11"), Some(1_698_796_800));
        assert_eq!(seconds("2023"), Some(1_672_531_200));
        assert_eq!(seconds("1700000000"), Some(1_700_000_000));
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds("-1"), Some(-1));
        assert_eq!(seconds("2024-02-29"), Some(1_709_164_800));
        assert_eq!(seconds("0000-01-01"), Some(-62_167_219_200));
        assert_eq!(
            parse_moment("2023-11-14T22:13:20.25Z").unwrap().nanos,
            250_000_000
        );
        assert_eq!(
            parse_moment("-1.25"),
            Some(Timestamp {
                seconds: -2,
                nanos: 750_000_000
            })
        );
    }

    #[test]
    fn what_is_no_moment() {
        for bad in [
            "",
            "now",
            "2023-13-01",
            "2023-02-29",
            "2023-1-1",
            "2023-11T10:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T10Z",
            "2023-11-14T10:00:00+25:00",
            "1.2.3",
            "99999999999999999999",
            "2023-11-14T",
            "2023-11-14-01",
            "é-01",
        ] {
            assert_eq!(parse_moment(bad), None, "{bad}");
        }
    }

    fn inside(network: &str, address: &str) -> bool {
        Network::parse(network)
            .unwrap()
            .contains(address.parse().unwrap())
    }

    #[test]
    fn networks_of_both_families() {
        assert!(
            inside("203.0.113.0/24", "203.0.113.255") && !inside("203.0.113.0/24", "203.0.114.0")
        );
        assert!(
            inside("203.0.113.9/24", "203.0.113.1"),
            "host bits are not looked at"
        );
        assert!(inside("203.0.113.7", "203.0.113.7") && !inside("203.0.113.7", "203.0.113.8"));
        assert!(inside("0.0.0.0/0", "255.1.2.3") && !inside("0.0.0.0/0", "2001:db8::1"));
        assert!(inside("2001:DB8:1234:5678::/64", "2001:db8:1234:5678:1::1"));
        assert!(!inside("2001:DB8:1234:5678::/64", "2001:db8:1234:5679::1"));
        assert!(inside("203.0.113.0/24", "::ffff:203.0.113.7"));
        assert!(inside("::ffff:203.0.113.0/120", "203.0.113.7") && inside("::/0", "2001:db8::1"));
        for bad in [
            "",
            "203.0.113.0/33",
            "203.0.113/24",
            "::/129",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "1.2.3.4/8/8",
            "*",
            "01.2.3.4",
        ] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn days_and_dates_are_inverse(days in -800_000i64..2_000_000) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
        }

        #[test]
        fn a_moment_reads_back_as_printed(seconds in 0i64..253_402_300_799) {
            let moment = Timestamp { seconds, nanos: 0 };
            prop_assert_eq!(parse_moment(&moment.to_iso()), Some(moment));
        }

        #[test]
        fn decimals_order_as_integers_do(a in any::<i64>(), b in any::<i64>()) {
            let of = |n: i64| Decimal::parse(&n.to_string()).unwrap();
            prop_assert_eq!(of(a).cmp(&of(b)), a.cmp(&b));
        }
    }
}
