//! Sets of addresses, and addresses in headers.

use std::net::{IpAddr, Ipv6Addr};

/// Addresses of an `ANY` position that are looked at, from the end.
const FORWARDED_MAX: usize = 10;

/// Networks as sorted ranges that do not touch: membership is one binary search.
#[derive(Clone, Debug, Default)]
pub struct IpRanges {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl IpRanges {
    /// The ranges of these networks; bits behind a prefix do not count.
    pub fn new(networks: &[(IpAddr, u8)]) -> IpRanges {
        let mut ranges = IpRanges::default();
        for (address, length) in networks {
            match address {
                IpAddr::V4(address) => {
                    let host = u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
                    let first = u32::from(*address) & !host;
                    ranges.v4.push((first, first | host));
                }
                IpAddr::V6(address) => {
                    let host = u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
                    let first = u128::from(*address) & !host;
                    ranges.v6.push((first, first | host));
                }
            }
        }
        merge(&mut ranges.v4);
        merge(&mut ranges.v6);
        ranges
    }

    /// Whether the address is in one of the networks. An IPv4 address written as IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => within(&self.v4, u32::from(address)),
            IpAddr::V6(address) => within(&self.v6, u128::from(address)),
        }
    }
}

fn merge<T: Ord + Copy>(ranges: &mut Vec<(T, T)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|later, earlier| {
        let touches = later.0 <= earlier.1;
        if touches {
            earlier.1 = earlier.1.max(later.1);
        }
        touches
    });
}

fn within<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after > 0 && address <= ranges[after - 1].1
}

/// The addresses of a forwarded header, in order; `None` for what is no address. Ports and brackets are cut off.
pub(crate) fn forwarded(header: &[u8]) -> impl DoubleEndedIterator<Item = Option<IpAddr>> + '_ {
    header
        .split(|&byte| byte == b',')
        .map(|part| address(part.trim_ascii()))
}

/// The last of the addresses that position ANY looks at.
pub(crate) fn forwarded_any(header: &[u8]) -> impl Iterator<Item = Option<IpAddr>> + '_ {
    forwarded(header).rev().take(FORWARDED_MAX)
}

fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Some((inside, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return inside
            .parse::<Ipv6Addr>()
            .ok()
            .map(|address| IpAddr::V6(address).to_canonical());
    }
    let (address, port) = text.split_once(':')?;
    let numeric = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if numeric { address.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let networks = ["10.1.2.3/8", "10.0.0.0/16", "192.0.2.7/32", "2001:db8::/32"].map(|text| {
            let (address, length) = text.split_once('/').unwrap();
            (address.parse().unwrap(), length.parse().unwrap())
        });
        let ranges = IpRanges::new(&networks);
        for inside in [
            "10.0.0.0",
            "10.255.255.255",
            "192.0.2.7",
            "2001:db8:ffff::1",
            "::ffff:192.0.2.7",
        ] {
            assert!(ranges.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "9.255.255.255",
            "11.0.0.0",
            "192.0.2.6",
            "192.0.2.8",
            "2001:db9::",
        ] {
            assert!(!ranges.contains(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn forwarded_addresses_are_read_with_ports_and_brackets() {
        let read: Vec<_> =
            forwarded(b"192.0.2.1, 192.0.2.2:80,[2001:db8::1]:443 ,unknown,").collect();
        let known = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|text| text.parse().ok());
        assert_eq!(read[..3], known);
        assert_eq!(read[3..], [None, None]);
    }
}
