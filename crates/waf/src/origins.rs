//! Where addresses come from: countries and autonomous systems by ranges, in one compact table.
//!
//! Made from CSV lines `first address,last address,value` (as `@ip-location-db` publishes them) by [`OriginsBuilder`], kept in a file
//! of a format of its own, looked up by one binary search.

use std::fmt;
use std::net::IpAddr;

use crate::detect::Origins;

/// What a file begins with; the number is the format's version.
const MAGIC: &[u8; 8] = b"PALGEO\x001";
/// Ranges of one table, at most.
const RANGES_MAX: usize = 8_000_000;

/// Why a file or line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginsError(String);

impl fmt::Display for OriginsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OriginsError {}

/// Countries and autonomous systems of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginTable {
    countries: Ranges,
    systems: Ranges,
}

impl OriginTable {
    /// The table as the bytes of a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        self.countries.write(&mut bytes);
        self.systems.write(&mut bytes);
        bytes
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// Where they are no table, or one of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<OriginTable, OriginsError> {
        let broken =
            || OriginsError("this is no table of addresses, or one of another version".to_owned());
        let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(broken)?;
        let countries = Ranges::read(&mut rest).ok_or_else(broken)?;
        let systems = Ranges::read(&mut rest).ok_or_else(broken)?;
        let whole = rest.is_empty()
            && countries
                .v4
                .iter()
                .map(|(_, value)| value)
                .chain(countries.v6.iter().map(|(_, value)| value))
                .all(|value| *value == 0 || letters(*value).is_some());
        if whole {
            Ok(OriginTable { countries, systems })
        } else {
            Err(broken())
        }
    }

    /// Ranges of countries and of systems.
    pub fn len(&self) -> (usize, usize) {
        (self.countries.len(), self.systems.len())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }
}

impl Origins for OriginTable {
    fn country(&self, address: IpAddr) -> Option<&str> {
        letters(self.countries.value(address))
    }

    /// The data has no regions.
    fn region(&self, _address: IpAddr) -> Option<&str> {
        None
    }

    fn asn(&self, address: IpAddr) -> Option<u32> {
        Some(self.systems.value(address)).filter(|asn| *asn != 0)
    }
}

/// All pairs of letters, so that a country is a number and still a text that lives as long as the program.
const PAIRS: &str = {
    const fn pairs() -> [u8; 1352] {
        let mut text = [0; 1352];
        let mut at = 0;
        while at < 676 {
            text[2 * at] = b'A' + (at / 26) as u8;
            text[2 * at + 1] = b'A' + (at % 26) as u8;
            at += 1;
        }
        text
    }
    const TEXT: [u8; 1352] = pairs();
    match std::str::from_utf8(&TEXT) {
        Ok(text) => text,
        Err(_) => "",
    }
};

fn letters(value: u32) -> Option<&'static str> {
    let at = (value as usize).checked_sub(1)?.checked_mul(2)?;
    PAIRS.get(at..at + 2)
}

fn country_number(text: &str) -> Option<u32> {
    match text.as_bytes() {
        [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] => {
            Some(u32::from(first - b'A') * 26 + u32::from(second - b'A') + 1)
        }
        _ => None,
    }
}

/// Where a value begins; it holds up to the next beginning. 0 is no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranges {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u32)>,
}

impl Ranges {
    fn value(&self, address: IpAddr) -> u32 {
        match address.to_canonical() {
            IpAddr::V4(address) => last(&self.v4, u32::from(address)),
            IpAddr::V6(address) => last(&self.v6, u128::from(address)),
        }
    }

    fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend((self.v4.len() as u32).to_le_bytes());
        bytes.extend((self.v6.len() as u32).to_le_bytes());
        for (start, value) in &self.v4 {
            bytes.extend(start.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        for (start, value) in &self.v6 {
            bytes.extend(start.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
    }

    fn read(rest: &mut &[u8]) -> Option<Ranges> {
        let v4_count = take(rest).map(u32::from_le_bytes)? as usize;
        let v6_count = take(rest).map(u32::from_le_bytes)? as usize;
        // Never more room than there are bytes for.
        if v4_count > rest.len() / 8
            || v6_count > rest.len() / 20
            || v4_count.max(v6_count) > RANGES_MAX
        {
            return None;
        }
        let v4: Option<Vec<_>> = (0..v4_count)
            .map(|_| {
                Some((
                    take(rest).map(u32::from_le_bytes)?,
                    take(rest).map(u32::from_le_bytes)?,
                ))
            })
            .collect();
        let v6: Option<Vec<_>> = (0..v6_count)
            .map(|_| {
                Some((
                    take(rest).map(u128::from_le_bytes)?,
                    take(rest).map(u32::from_le_bytes)?,
                ))
            })
            .collect();
        let ranges = Ranges { v4: v4?, v6: v6? };
        let sorted = ranges.v4.is_sorted_by(|one, next| one.0 < next.0)
            && ranges.v6.is_sorted_by(|one, next| one.0 < next.0);
        sorted.then_some(ranges)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

fn last<T: Ord + Copy>(ranges: &[(T, u32)], address: T) -> u32 {
    let after = ranges.partition_point(|(start, _)| *start <= address);
    after
        .checked_sub(1)
        .and_then(|at| ranges.get(at))
        .map_or(0, |(_, value)| *value)
}

/// Makes a table from lines.
#[derive(Clone, Debug, Default)]
pub struct OriginsBuilder {
    countries: Lines,
    systems: Lines,
}

#[derive(Clone, Debug, Default)]
struct Lines {
    v4: Vec<(u32, u32, u32)>,
    v6: Vec<(u128, u128, u32)>,
}

impl OriginsBuilder {
    /// Adds `first,last,CC` lines.
    ///
    /// # Errors
    /// Where a line is not so, with its number.
    pub fn countries(&mut self, csv: &str) -> Result<(), OriginsError> {
        self.countries.add(csv, country_number)
    }

    /// Adds `first,last,number` lines; what follows the number is not read.
    ///
    /// # Errors
    /// Where a line is not so, with its number.
    pub fn systems(&mut self, csv: &str) -> Result<(), OriginsError> {
        self.systems.add(csv, |text| text.parse().ok())
    }

    /// The table. Where ranges overlap, the later and more specific one counts.
    pub fn build(self) -> OriginTable {
        OriginTable {
            countries: self.countries.ranges(),
            systems: self.systems.ranges(),
        }
    }
}

impl Lines {
    fn add(&mut self, csv: &str, number: impl Fn(&str) -> Option<u32>) -> Result<(), OriginsError> {
        for (index, line) in csv
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let added = self.add_line(line, &number);
            added.ok_or_else(|| {
                OriginsError(format!(
                    "line {} is not FIRST,LAST,VALUE: {}",
                    index + 1,
                    line.chars().take(80).collect::<String>()
                ))
            })?;
        }
        Ok(())
    }

    fn add_line(&mut self, line: &str, number: impl Fn(&str) -> Option<u32>) -> Option<()> {
        let mut columns = line.split(',').map(str::trim);
        let (first, last) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
        let value = number(columns.next()?)?;
        if self.v4.len() + self.v6.len() == RANGES_MAX {
            return None;
        }
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
                self.v4.push((first.into(), last.into(), value))
            }
            (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
                self.v6.push((first.into(), last.into(), value))
            }
            _ => return None,
        }
        Some(())
    }

    fn ranges(self) -> Ranges {
        Ranges {
            v4: flat(self.v4, |last| last.checked_add(1)),
            v6: flat(self.v6, |last| last.checked_add(1)),
        }
    }
}

/// Beginnings of values: gaps are 0, equal neighbours one. A range that begins within another takes its place up to its end.
fn flat<T: Ord + Copy>(
    mut lines: Vec<(T, T, u32)>,
    next: impl Fn(T) -> Option<T>,
) -> Vec<(T, u32)> {
    lines.sort_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
    let mut starts: Vec<(T, u32)> = Vec::with_capacity(lines.len() * 2);
    let mut open: Vec<(T, u32)> = Vec::new();
    for (first, last, value) in lines {
        close(&mut open, Some(first), &mut starts, &next);
        begin(&mut starts, first, value);
        open.push((last, value));
    }
    close(&mut open, None, &mut starts, &next);
    starts
}

/// Ends the open ranges that end before `first`, innermost first; the one around continues.
fn close<T: Ord + Copy>(
    open: &mut Vec<(T, u32)>,
    first: Option<T>,
    starts: &mut Vec<(T, u32)>,
    next: &impl Fn(T) -> Option<T>,
) {
    while let Some(&(last, _)) = open.last() {
        if first.is_some_and(|first| first <= last) {
            return;
        }
        open.pop();
        // One that ended even before does not continue.
        open.retain(|(outer, _)| *outer > last);
        if let Some(after) = next(last) {
            begin(starts, after, open.last().map_or(0, |(_, value)| *value));
        }
    }
}

fn begin<T: Ord + Copy>(starts: &mut Vec<(T, u32)>, at: T, value: u32) {
    if starts.last().is_some_and(|(start, _)| *start == at) {
        starts.pop();
    }
    if starts.last().map_or(0, |(_, have)| *have) != value {
        starts.push((at, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> OriginTable {
        let mut builder = OriginsBuilder::default();
        builder.countries("1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.3.255,CN\n1.0.2.0,1.0.2.9,JP\n2001:db8::,2001:db8::ffff,NO\n").unwrap();
        builder.systems("1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\n255.255.255.0,255.255.255.255,64500,\n").unwrap();
        builder.build()
    }

    #[test]
    fn addresses_are_found_in_their_ranges_and_nowhere_else() {
        let table = table();
        let cases = [
            ("0.255.255.255", None),
            ("1.0.0.0", Some("AU")),
            ("1.0.0.255", Some("AU")),
            ("1.0.1.0", Some("CN")),
            ("1.0.2.0", Some("JP")),
            ("1.0.2.9", Some("JP")),
            ("1.0.2.10", Some("CN")),
            ("1.0.3.255", Some("CN")),
            ("1.0.4.0", None),
            ("2001:db8::1", Some("NO")),
            ("2001:db8::1:0", None),
            ("::ffff:1.0.0.1", Some("AU")),
        ];
        for (address, country) in cases {
            assert_eq!(
                table.country(address.parse().unwrap()),
                country,
                "{address}"
            );
        }
        assert_eq!(table.asn("1.0.0.7".parse().unwrap()), Some(13_335));
        assert_eq!(table.asn("255.255.255.255".parse().unwrap()), Some(64_500));
        assert_eq!(table.asn("1.0.1.0".parse().unwrap()), None);
    }

    #[test]
    fn a_table_is_the_same_after_its_file() {
        let bytes = table().to_bytes();
        assert_eq!(OriginTable::from_bytes(&bytes), Ok(table()));
        for cut in 0..bytes.len() {
            assert!(OriginTable::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(OriginTable::from_bytes(&[&bytes[..], b"x"].concat()).is_err());
    }

    #[test]
    fn lines_that_are_none_are_told_by_number() {
        let mut builder = OriginsBuilder::default();
        for line in [
            "x,y,NO",
            "1.0.0.1,1.0.0.0,NO",
            "1.0.0.0,::1,NO",
            "1.0.0.0,1.0.0.1,nowhere",
            "1.0.0.0",
        ] {
            let error = builder
                .countries(&format!("1.0.0.0,1.0.0.1,NO\n{line}"))
                .unwrap_err();
            assert!(error.to_string().starts_with("line 2 "), "{error}");
        }
    }

    #[test]
    fn every_pair_of_letters_is_itself() {
        for text in ["AA", "NO", "ZZ"] {
            assert_eq!(country_number(text).and_then(letters), Some(text));
        }
        assert_eq!((letters(0), letters(677)), (None, None));
    }
}
