//! The timestamps of signatures: `20150830T123600Z`, and HTTP dates where a `Date` header stands in.

use std::fmt;

/// A second of UTC in the years 0000 to 9999.
///
/// ```
/// use palisade_sigv4::Timestamp;
/// let t = Timestamp::parse("20150830T123600Z").unwrap();
/// assert_eq!(t.unix_seconds(), 1_440_938_160);
/// assert_eq!(t.date(), "20150830");
/// assert_eq!(Timestamp::from_unix_seconds(1_440_938_160).unwrap(), t);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    text: [u8; 16],
}

const FIRST: i64 = -62_167_219_200; // 0000-01-01T00:00:00Z
const LAST: i64 = 253_402_300_799; // 9999-12-31T23:59:59Z
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Timestamp {
    /// Reads ISO 8601 basic form, `YYYYMMDD'T'HHMMSS'Z'`, and nothing else.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
        if bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let seconds = seconds_of(
            digits(&bytes[0..4])?,
            digits(&bytes[4..6])?,
            digits(&bytes[6..8])?,
            digits(&bytes[9..11])?,
            digits(&bytes[11..13])?,
            digits(&bytes[13..15])?,
        )?;
        Some(Timestamp {
            seconds,
            text: *bytes,
        })
    }

    /// Reads an HTTP date of the preferred form, `Sun, 30 Aug 2015 12:36:00 GMT`. The name of the
    /// weekday is not compared with the date.
    pub fn parse_http(text: &str) -> Option<Timestamp> {
        let (_weekday, rest) = text.split_once(", ")?;
        let mut parts = rest.split(' ');
        let day = digits(parts.next()?.as_bytes())?;
        let name = parts.next()?;
        let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
        let year = digits(parts.next()?.as_bytes())?;
        let mut clock = parts.next()?.splitn(3, ':');
        let mut next = || digits(clock.next()?.as_bytes());
        let (hour, minute, second) = (next()?, next()?, next()?);
        let zone = parts.next()?;
        if !matches!(zone, "GMT" | "UTC" | "+0000" | "-0000") || parts.next().is_some() {
            return None;
        }
        Timestamp::from_unix_seconds(seconds_of(year, month, day, hour, minute, second)?)
    }

    /// The timestamp of a Unix time in seconds; `None` outside the years 0000 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Option<Timestamp> {
        if !(FIRST..=LAST).contains(&seconds) {
            return None;
        }
        let (days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let mut text = *b"00000000T000000Z";
        write_digits(&mut text[0..4], year);
        write_digits(&mut text[4..6], month);
        write_digits(&mut text[6..8], day);
        write_digits(&mut text[9..11], clock / 3600);
        write_digits(&mut text[11..13], clock / 60 % 60);
        write_digits(&mut text[13..15], clock % 60);
        Some(Timestamp { seconds, text })
    }

    /// Seconds since the Unix epoch.
    pub fn unix_seconds(&self) -> i64 {
        self.seconds
    }

    /// `YYYYMMDDTHHMMSSZ`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// `YYYYMMDD`.
    pub fn date(&self) -> &str {
        &self.as_str()[..8]
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 4 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        text.iter()
            .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')),
    )
}

fn write_digits(field: &mut [u8], mut value: i64) {
    for slot in field.iter_mut().rev() {
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn seconds_of(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

// The proleptic Gregorian calendar, counted from 0000-03-01 so that leap days end a year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_two_cycles_of_the_calendar_and_its_ends_round_trip() {
        let ends = [FIRST / 86_400, LAST / 86_400];
        for day in (-146_097..146_097).chain(ends) {
            let stamp = Timestamp::from_unix_seconds(day * 86_400 + 86_399).unwrap();
            assert_eq!(Timestamp::parse(stamp.as_str()), Some(stamp));
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "20150230T000000Z",
            "20151301T000000Z",
            "20150830T240000Z",
            "20150830T126000Z",
            "20150830 123600Z",
            "20150830T123600",
            "2015-08-30T12:36Z",
            "20150830T12360éZ",
            "+0150830T123600Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        assert_eq!(Timestamp::from_unix_seconds(LAST + 1), None);
    }

    #[test]
    fn http_dates_give_the_same_second() {
        let stamp = Timestamp::parse("20150830T123600Z");
        assert_eq!(
            Timestamp::parse_http("Sun, 30 Aug 2015 12:36:00 GMT"),
            stamp
        );
        for text in [
            "Sun, 30 Aug 2015 12:36:00 EST",
            "30 Aug 2015 12:36:00 GMT",
            "Sun, 30 Aug 2015 GMT",
        ] {
            assert_eq!(Timestamp::parse_http(text), None, "{text}");
        }
    }
}
