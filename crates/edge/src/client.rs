//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use crate::head::Fields;
use crate::tls::Fingerprints;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address: the socket's, or what the PROXY protocol says.
    pub address: SocketAddr,
    /// The address it came to.
    pub local: SocketAddr,
    /// What its TLS says of it, where it has one.
    pub tls: Option<Fingerprints>,
}

impl Peer {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        match self.tls {
            Some(_) => "https",
            None => "http",
        }
    }

    /// The client's address. Behind `hops` proxies that are trusted, it is what the farthest of them saw: so many entries from the end
    /// of `X-Forwarded-For`. Entries before that are the client's own words. Where there are fewer, or one is no address, it is the
    /// connection's.
    pub fn client(&self, fields: &Fields, hops: usize) -> IpAddr {
        let own = self.address.ip().to_canonical();
        if hops == 0 {
            return own;
        }
        let entries: Vec<&[u8]> = fields
            .values("x-forwarded-for")
            .flat_map(|value| value.split(|byte| *byte == b','))
            .collect();
        let entry = entries
            .len()
            .checked_sub(hops)
            .and_then(|at| entries.get(at));
        entry.and_then(|entry| address(entry)).unwrap_or(own)
    }
}

/// An address, as proxies write it: with or without a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let plain = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = plain.unwrap_or(text).parse();
    let address = address.or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::RequestHead;

    fn client(fields: &str, hops: usize) -> String {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = RequestHead::parse(text.into(), 100).unwrap();
        let peer = Peer {
            address: "192.0.2.9:1".parse().unwrap(),
            local: "192.0.2.1:80".parse().unwrap(),
            tls: None,
        };
        peer.client(head.fields(), hops).to_string()
    }

    #[test]
    fn only_entries_of_trusted_proxies_count() {
        let forwarded =
            "X-Forwarded-For: 203.0.113.66, 198.51.100.1\r\nX-Forwarded-For: 198.51.100.2\r\n";
        assert_eq!(client(forwarded, 0), "192.0.2.9");
        assert_eq!(client(forwarded, 1), "198.51.100.2");
        assert_eq!(client(forwarded, 2), "198.51.100.1");
        assert_eq!(client(forwarded, 4), "192.0.2.9");
        assert_eq!(client("", 1), "192.0.2.9");
    }

    #[test]
    fn entries_are_addresses_in_the_forms_proxies_write() {
        for (entry, expected) in [
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("198.51.100.1:80", "198.51.100.1"),
            ("unknown", "192.0.2.9"),
            ("", "192.0.2.9"),
        ] {
            assert_eq!(
                client(&format!("X-Forwarded-For: {entry}\r\n"), 1),
                expected
            );
        }
    }
}
