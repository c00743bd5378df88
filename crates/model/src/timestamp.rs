//! Moments, and the three ways services write them.

use std::fmt;

use crate::schema::TimestampFormat;

const DAY: i64 = 86_400;
pub(crate) const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A moment in UTC, from the year 1 to the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self {
        seconds: 0,
        nanos: 0,
    };
    const MIN_SECONDS: i64 = -62_135_596_800;
    const MAX_SECONDS: i64 = 253_402_300_799;

    /// The moment that many seconds and nanoseconds after 1970 began.
    ///
    /// `None` outside the years 1 to 9999, and when `nanos` is a second or more.
    pub fn new(seconds: i64, nanos: u32) -> Option<Self> {
        let good =
            (Self::MIN_SECONDS..=Self::MAX_SECONDS).contains(&seconds) && nanos < 1_000_000_000;
        good.then_some(Self { seconds, nanos })
    }

    /// The moment that many milliseconds after 1970 began; `None` outside the years 1 to 9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        Self::new(
            millis.div_euclid(1000),
            millis.rem_euclid(1000) as u32 * 1_000_000,
        )
    }

    /// The moment that many seconds after 1970 began, to the microsecond: a double holds no more.
    pub fn from_f64(seconds: f64) -> Option<Self> {
        if !seconds.is_finite() || seconds.abs() > 1e12 {
            return None;
        }
        let whole = seconds.floor();
        let micros = ((seconds - whole) * 1e6).round() as u32;
        match micros {
            // The last moment of the year 9999, in JSON, is rounded past itself.
            _ if whole as i64 == Self::MAX_SECONDS + 1 && micros == 0 => {
                Self::new(Self::MAX_SECONDS, 999_999_000)
            }
            1_000_000.. => Self::new(whole as i64 + 1, 0),
            _ => Self::new(whole as i64, micros * 1000),
        }
    }

    /// Whole seconds since 1970 began, rounded down.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds since the second began.
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    /// Milliseconds since 1970 began, rounded down.
    pub fn millis(self) -> i64 {
        self.seconds * 1000 + i64::from(self.nanos / 1_000_000)
    }

    /// Seconds since 1970 began.
    pub fn as_f64(self) -> f64 {
        self.seconds as f64 + f64::from(self.nanos) / 1e9
    }

    /// Reads one of the ways of writing a moment; `None` when the text is not of that way.
    pub fn parse(text: &str, format: TimestampFormat) -> Option<Self> {
        match format {
            TimestampFormat::Iso8601 => parse_iso8601(text),
            TimestampFormat::Rfc822 => parse_rfc822(text),
            TimestampFormat::UnixTimestamp => parse_unix(text),
        }
    }

    /// Reads whichever way of writing the text is in.
    ///
    /// AWS services accept more than the one way their model states.
    pub fn parse_any(text: &str) -> Option<Self> {
        parse_iso8601(text)
            .or_else(|| parse_unix(text))
            .or_else(|| parse_rfc822(text))
    }

    /// Year, month (1 to 12), day, hour, minute and second in UTC.
    pub(crate) fn civil(self) -> [i64; 6] {
        let (year, month, day) = civil(self.seconds.div_euclid(DAY));
        let rest = self.seconds.rem_euclid(DAY);
        [year, month, day, rest / 3600, rest / 60 % 60, rest % 60]
    }

    /// The moment in one of the ways of writing it. Digits after the second stand only if there
    /// are any: three if they suffice, else nine.
    pub fn display(self, format: TimestampFormat) -> impl fmt::Display {
        Written {
            timestamp: self,
            format,
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(TimestampFormat::Iso8601).fmt(f)
    }
}

struct Written {
    timestamp: Timestamp,
    format: TimestampFormat,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timestamp { seconds, nanos } = self.timestamp;
        if self.format == TimestampFormat::UnixTimestamp {
            return write_unix(f, seconds, nanos);
        }
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let rest = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        if self.format == TimestampFormat::Iso8601 {
            write!(
                f,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
            )?;
            write_fraction(f, nanos)?;
            return f.write_str("Z");
        }
        let weekday = WEEKDAYS[seconds.div_euclid(DAY).rem_euclid(7) as usize];
        let month = MONTHS[month as usize - 1];
        write!(
            f,
            "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02}"
        )?;
        write_fraction(f, nanos)?;
        f.write_str(" GMT")
    }
}

fn write_unix(f: &mut fmt::Formatter<'_>, seconds: i64, nanos: u32) -> fmt::Result {
    // -0.5 is second -1 and half a second: written as its distance from zero.
    if seconds < 0 && nanos > 0 {
        f.write_str("-")?;
        write!(f, "{}", -(seconds + 1))?;
        return write_fraction(f, 1_000_000_000 - nanos);
    }
    write!(f, "{seconds}")?;
    write_fraction(f, nanos)
}

fn write_fraction(f: &mut fmt::Formatter<'_>, nanos: u32) -> fmt::Result {
    match nanos {
        0 => Ok(()),
        _ if nanos.is_multiple_of(1_000_000) => write!(f, ".{:03}", nanos / 1_000_000),
        _ => write!(f, ".{nanos:09}"),
    }
}

/// `2015-01-25T08:00:00.123Z`, or with an offset instead of `Z`, or a date alone.
fn parse_iso8601(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    let days = days(
        digits(parts.next()?, 4)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    )?;
    let Some(time) = time else {
        return Timestamp::new(days * DAY, 0);
    };
    let (clock, offset) = split_offset(time)?;
    let (seconds, nanos) = parse_clock(clock)?;
    Timestamp::new(days * DAY + seconds - offset, nanos)
}

/// `08:00:00.123+02:00` to the clock and the offset in seconds.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (clock, offset) = time.split_at_checked(at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let offset = offset.get(1..)?;
    let (hours, minutes) = offset
        .split_once(':')
        .or_else(|| offset.split_at_checked(2))?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some((clock, sign * (hours * 3600 + minutes * 60)))
}

/// `Sun, 25 Jan 2015 08:00:00.123 GMT`
fn parse_rfc822(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = parts.next()?;
    let day = digits(day, day.len().min(2))?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let days = days(digits(parts.next()?, 4)?, month, day)?;
    let (seconds, nanos) = parse_clock(parts.next()?)?;
    if !matches!(
        (parts.next(), parts.next()),
        (Some("GMT" | "UTC" | "+0000"), None)
    ) {
        return None;
    }
    Timestamp::new(days * DAY + seconds, nanos)
}

/// `1422172800` or `1422172800.123`, or with an exponent, as some clients write doubles.
fn parse_unix(text: &str) -> Option<Timestamp> {
    let (negative, number) = match text.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, text),
    };
    if number.contains(['e', 'E']) {
        let plain = text.len() <= 32 && number.starts_with(|first: char| first.is_ascii_digit());
        return plain
            .then(|| text.parse().ok())
            .flatten()
            .and_then(Timestamp::from_f64);
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || whole.len() > 12 || !all_digits(whole) {
        return None;
    }
    let (seconds, nanos) = (whole.parse::<i64>().ok()?, parse_nanos(fraction)?);
    match (negative, nanos) {
        (false, _) => Timestamp::new(seconds, nanos),
        (true, 0) => Timestamp::new(-seconds, 0),
        (true, _) => Timestamp::new(-seconds - 1, 1_000_000_000 - nanos),
    }
}

/// `08:00:00.123` to seconds of the day and nanoseconds.
fn parse_clock(clock: &str) -> Option<(i64, u32)> {
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.splitn(3, ':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = digits(parts.next()?, 2)?;
    // A leap second is taken as the first moment after it.
    let good = hour < 24 && minute < 60 && second <= 60;
    good.then_some((hour * 3600 + minute * 60 + second, parse_nanos(fraction)?))
}

fn parse_nanos(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || fraction.len() > 18 || !all_digits(fraction) {
        return None;
    }
    let kept = fraction.get(..9).unwrap_or(fraction);
    Some(kept.parse::<u32>().ok()? * 10u32.pow(9 - kept.len() as u32))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && all_digits(text))
        .then(|| text.parse().ok())
        .flatten()
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, if there is such a date.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years counted from March put the leap day last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

/// The date that many days after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimestampFormat::*;

    fn at(seconds: i64, nanos: u32) -> Timestamp {
        Timestamp::new(seconds, nanos).unwrap()
    }

    #[test]
    fn each_way_of_writing_reads_back() {
        for seconds in [
            -62_135_596_800,
            -1,
            0,
            951_782_400,
            1_422_172_800,
            253_402_300_799,
        ] {
            for nanos in [0, 123_000_000, 123_456_789] {
                for format in [Iso8601, Rfc822, UnixTimestamp] {
                    let text = at(seconds, nanos).display(format).to_string();
                    assert_eq!(
                        Timestamp::parse(&text, format),
                        Some(at(seconds, nanos)),
                        "{text}"
                    );
                    assert_eq!(
                        Timestamp::parse_any(&text),
                        Some(at(seconds, nanos)),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn known_moments_are_written_as_services_write_them() {
        assert_eq!(at(1_422_172_800, 0).to_string(), "2015-01-25T08:00:00Z");
        assert_eq!(
            at(1_422_172_800, 0).display(Rfc822).to_string(),
            "Sun, 25 Jan 2015 08:00:00 GMT"
        );
        assert_eq!(
            at(951_827_696, 500_000_000).to_string(),
            "2000-02-29T12:34:56.500Z"
        );
        assert_eq!(
            at(-1, 500_000_000).display(UnixTimestamp).to_string(),
            "-0.500"
        );
    }

    #[test]
    fn offsets_and_bare_dates_are_read() {
        let moment = Some(at(1_422_172_800, 0));
        assert_eq!(
            Timestamp::parse("2015-01-25T10:00:00+02:00", Iso8601),
            moment
        );
        assert_eq!(
            Timestamp::parse("2015-01-25T03:00:00-0500", Iso8601),
            moment
        );
        assert_eq!(
            Timestamp::parse("2015-01-25", Iso8601),
            Some(at(1_422_144_000, 0))
        );
        assert_eq!(Timestamp::parse("1.4221728E9", UnixTimestamp), moment);
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "T",
            "2015-02-29T00:00:00Z",
            "2015-13-01",
            "2015-1-01",
            "2015-01-25T24:00:00Z",
            "2015-01-25T08:00:00",
            "2015-01-25T08:00Z",
            "Sun, 31 Feb 2015 00:00:00 GMT",
            "-",
            ".5",
            "1e400",
            "NaN",
            "+1",
            "2015-01-25T08:00:00.Z",
            "0000-01-01",
            "é",
            "2015-01-25T08:00:00+é0",
        ] {
            assert_eq!(Timestamp::parse_any(text), None, "{text}");
        }
    }

    #[test]
    fn a_double_keeps_microseconds() {
        assert_eq!(
            Timestamp::from_f64(1_422_172_800.25),
            Some(at(1_422_172_800, 250_000_000))
        );
        assert_eq!(Timestamp::from_f64(-0.5), Some(at(-1, 500_000_000)));
        assert_eq!(Timestamp::from_f64(0.999_999_9), Some(at(1, 0)));
        let last = Timestamp::new(Timestamp::MAX_SECONDS, 999_999_999).unwrap();
        assert_eq!(
            Timestamp::from_f64(last.as_f64()).map(Timestamp::seconds),
            Some(last.seconds())
        );
        assert_eq!(Timestamp::from_f64(last.as_f64() + 1.0), None);
        assert_eq!(Timestamp::from_f64(f64::NAN), None);
        assert_eq!(Timestamp::from_f64(1e300), None);
    }
}
