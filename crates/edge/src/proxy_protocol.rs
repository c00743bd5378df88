//! The PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt): what a proxy in front says of a connection before its first byte.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How a header of version 2 begins.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a header of version 1, at most.
const LINE_BYTES_MAX: usize = 107;
/// Bytes after the first 16 of a header of version 2, at most.
const REST_BYTES_MAX: usize = 2048;

/// Client's and own address of a connection; nothing where the proxy speaks for itself or does not know.
pub type Addresses = Option<(SocketAddr, SocketAddr)>;

/// Reads the header, and not a byte more.
///
/// # Errors
/// Where the connection does not begin with one.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Addresses> {
    // Both are longer than this.
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        let mut fixed = [0; 4];
        stream.read_exact(&mut fixed).await?;
        let length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if length > REST_BYTES_MAX {
            return Err(wrong());
        }
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await?;
        return binary(fixed[0], fixed[1], &rest).ok_or_else(wrong);
    }
    let mut line = start.to_vec();
    while line.last() != Some(&b'\n') {
        if line.len() >= LINE_BYTES_MAX {
            return Err(wrong());
        }
        line.push(stream.read_u8().await?);
    }
    text(&line).ok_or_else(wrong)
}

fn wrong() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "no header of the PROXY protocol",
    )
}

/// Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`.
fn text(line: &[u8]) -> Option<Addresses> {
    let line = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
    let mut words = line.split(' ');
    if words.next()? != "PROXY" {
        return None;
    }
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let (from, to): (IpAddr, IpAddr) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (from_port, to_port) = (port(words.next()?)?, port(words.next()?)?);
    let fits = match family {
        "TCP4" => from.is_ipv4() && to.is_ipv4(),
        "TCP6" => from.is_ipv6() && to.is_ipv6(),
        _ => false,
    };
    let addresses = (
        SocketAddr::new(from, from_port),
        SocketAddr::new(to, to_port),
    );
    (fits && words.next().is_none()).then_some(Some(addresses))
}

fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// Version 2: command, family, and the addresses.
fn binary(command: u8, family: u8, rest: &[u8]) -> Option<Addresses> {
    match (command, family) {
        (0x20, _) => Some(None),
        (0x21, 0x11) => {
            let (from, rest) = rest.split_first_chunk::<4>()?;
            let (to, rest) = rest.split_first_chunk::<4>()?;
            pair(
                Ipv4Addr::from(*from).into(),
                Ipv4Addr::from(*to).into(),
                rest,
            )
        }
        (0x21, 0x21) => {
            let (from, rest) = rest.split_first_chunk::<16>()?;
            let (to, rest) = rest.split_first_chunk::<16>()?;
            pair(
                Ipv6Addr::from(*from).into(),
                Ipv6Addr::from(*to).into(),
                rest,
            )
        }
        // Another family: the connection counts as the proxy's own.
        (0x21, _) => Some(None),
        _ => None,
    }
}

fn pair(from: IpAddr, to: IpAddr, ports: &[u8]) -> Option<Addresses> {
    let (from_port, rest) = ports.split_first_chunk::<2>()?;
    let (to_port, _) = rest.split_first_chunk::<2>()?;
    let address = |address, port: &[u8; 2]| SocketAddr::new(address, u16::from_be_bytes(*port));
    Some(Some((address(from, from_port), address(to, to_port))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(mut bytes: &[u8]) -> Result<(Option<String>, usize), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let read = runtime
            .block_on(read(&mut bytes))
            .map_err(|error| error.to_string())?;
        Ok((read.map(|(from, to)| format!("{from} {to}")), bytes.len()))
    }

    #[test]
    fn both_versions_say_who_connected_and_nothing_after_them_is_read() {
        let told = |text: &str| Ok((Some(text.to_owned()), 3));
        assert_eq!(
            read_all(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET"),
            told("192.0.2.1:56324 198.51.100.1:443")
        );
        assert_eq!(
            read_all(b"PROXY TCP6 2001:db8::1 ::1 1 2\r\nGET"),
            told("[2001:db8::1]:1 [::1]:2")
        );
        assert_eq!(read_all(b"PROXY UNKNOWN\r\nGET"), Ok((None, 3)));
        assert_eq!(read_all(b"PROXY UNKNOWN a b c\r\nGET"), Ok((None, 3)));
        let binary = |fixed: &[u8], rest: &[u8]| [&SIGNATURE[..], fixed, rest, b"GET"].concat();
        let v4 = [192, 0, 2, 1, 198, 51, 100, 1, 0, 5, 0, 6];
        assert_eq!(
            read_all(&binary(&[0x21, 0x11, 0, 12], &v4)),
            told("192.0.2.1:5 198.51.100.1:6")
        );
        assert_eq!(
            read_all(&binary(&[0x21, 0x11, 0, 14], &[&v4[..], b"xx"].concat())),
            told("192.0.2.1:5 198.51.100.1:6")
        );
        assert_eq!(read_all(&binary(&[0x20, 0, 0, 0], b"")), Ok((None, 3)));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let binary = |fixed: &[u8], rest: &[u8]| [&SIGNATURE[..], fixed, rest].concat();
        for wrong in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\nGET".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 1\r\n".to_vec(),
            b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n".to_vec(),
            [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat(),
            binary(&[0x21, 0x11, 0, 4], &[1, 2, 3, 4]),
            binary(&[0x11, 0x11, 0, 0], &[]),
            binary(&[0x21, 0x11, 0xff, 0xff], &[]),
            b"PROXY".to_vec(),
        ] {
            assert!(read_all(&wrong).is_err(), "{}", wrong.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(start in prop_oneof![Just(b"PROXY TCP4 ".to_vec()), Just(SIGNATURE.to_vec()), Just(vec![])], rest in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read_all(&[start, rest].concat());
        }
    }
}
