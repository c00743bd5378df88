//! A client's first message of TLS (RFC 8446, 4.1.2), and the fingerprints that are made of it: JA3 (Salesforce) and JA4 (FoxIO).

use md5::Md5;
use sha2::{Digest as _, Sha256};

/// The fingerprints of a client's TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprints {
    /// JA3: MD5 of version, ciphers, extensions, groups and point formats, in hexadecimal.
    pub ja3: Option<String>,
    /// JA4: what the client is, its sorted ciphers, its sorted extensions with its signature algorithms.
    pub ja4: Option<String>,
}

/// The bytes are no ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoHello;

/// Reads the message at the start of a connection; nothing as long as it is not all there.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Fingerprints>, NoHello> {
    let Some(message) = handshake(bytes)? else {
        return Ok(None);
    };
    let hello = Hello::parse(&message).ok_or(NoHello)?;
    Ok(Some(Fingerprints {
        ja3: Some(hello.ja3()),
        ja4: Some(hello.ja4()),
    }))
}

/// The body of the first handshake message, put together from its records.
fn handshake(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, NoHello> {
    let mut message = Vec::new();
    loop {
        if let [kind, a, b, c, body @ ..] = &message[..] {
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            if *kind != 1 {
                return Err(NoHello);
            }
            if body.len() >= length {
                return Ok(Some(body[..length].to_vec()));
            }
        }
        match bytes {
            [] => return Ok(None),
            [22, 3, _, a, b, rest @ ..] => {
                let length = usize::from(*a) << 8 | usize::from(*b);
                if length == 0 {
                    return Err(NoHello);
                }
                let Some((fragment, after)) = rest.split_at_checked(length) else {
                    return Ok(None);
                };
                message.extend_from_slice(fragment);
                bytes = after;
            }
            [22] | [22, 3] | [22, 3, _] | [22, 3, _, _] => return Ok(None),
            _ => return Err(NoHello),
        }
    }
}

/// What the fingerprints are made of; values of GREASE (RFC 8701) are left out.
#[derive(Debug, Default)]
struct Hello {
    version: u16,
    ciphers: Vec<u16>,
    extensions: Vec<u16>,
    groups: Vec<u16>,
    point_formats: Vec<u8>,
    signatures: Vec<u16>,
    versions: Vec<u16>,
    /// The first protocol of ALPN.
    protocol: Option<Vec<u8>>,
}

mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const GROUPS: u16 = 10;
    pub(super) const POINT_FORMATS: u16 = 11;
    pub(super) const SIGNATURES: u16 = 13;
    pub(super) const ALPN: u16 = 16;
    pub(super) const VERSIONS: u16 = 43;
}

impl Hello {
    fn parse(body: &[u8]) -> Option<Hello> {
        let mut at = Reader(body);
        let mut hello = Hello {
            version: at.number()?,
            ..Hello::default()
        };
        at.take(32)?;
        at.short()?;
        hello.ciphers = at.long()?.numbers()?;
        at.short()?;
        // Extensions may be left out altogether.
        let mut extensions = if at.0.is_empty() {
            Reader(&[])
        } else {
            at.long()?
        };
        while !extensions.0.is_empty() {
            let kind = extensions.number()?;
            let content = extensions.long()?;
            if !is_grease(kind) {
                hello.extensions.push(kind);
                hello.content(kind, content)?;
            }
        }
        Some(hello)
    }

    fn content(&mut self, kind: u16, mut content: Reader<'_>) -> Option<()> {
        match kind {
            extension::GROUPS => self.groups = content.long()?.numbers()?,
            extension::POINT_FORMATS => self.point_formats = content.short()?.0.to_vec(),
            extension::SIGNATURES => self.signatures = content.long()?.numbers()?,
            extension::VERSIONS => self.versions = content.short()?.numbers()?,
            extension::ALPN => self.protocol = Some(content.long()?.short()?.0.to_vec()),
            _ => {}
        }
        Some(())
    }

    fn ja3(&self) -> String {
        let formats: Vec<u16> = self
            .point_formats
            .iter()
            .map(|format| u16::from(*format))
            .collect();
        let lists = [&self.ciphers, &self.extensions, &self.groups, &formats];
        let lists = lists.map(|list| {
            list.iter()
                .map(u16::to_string)
                .collect::<Vec<_>>()
                .join("-")
        });
        hex(&Md5::digest(format!(
            "{},{}",
            self.version,
            lists.join(",")
        )))
    }

    fn ja4(&self) -> String {
        let named = if self.extensions.contains(&extension::SERVER_NAME) {
            'd'
        } else {
            'i'
        };
        let counts = [&self.ciphers, &self.extensions].map(|list| list.len().min(99));
        let client = format!(
            "t{}{named}{:02}{:02}{}",
            self.newest(),
            counts[0],
            counts[1],
            self.protocol()
        );
        let others = self
            .extensions
            .iter()
            .filter(|kind| !matches!(**kind, extension::SERVER_NAME | extension::ALPN));
        let mut extensions = sorted(others.copied().collect());
        if !self.signatures.is_empty() {
            extensions = format!("{extensions}_{}", listed(&self.signatures));
        }
        let extensions = if self.extensions.is_empty() {
            String::new()
        } else {
            extensions
        };
        format!(
            "{client}_{}_{}",
            short_hash(&sorted(self.ciphers.clone())),
            short_hash(&extensions)
        )
    }

    fn newest(&self) -> &'static str {
        match self.versions.iter().max().unwrap_or(&self.version) {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            _ => "00",
        }
    }

    /// First and last character of the first protocol; of its hexadecimal form, where one is no letter or digit.
    fn protocol(&self) -> String {
        match self.protocol.as_deref() {
            None | Some([]) => "00".to_owned(),
            Some([first, .., last])
                if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() =>
            {
                [char::from(*first), char::from(*last)].iter().collect()
            }
            Some([one]) if one.is_ascii_alphanumeric() => [char::from(*one); 2].iter().collect(),
            Some(other) => {
                let text = hex(other);
                text.chars().take(1).chain(text.chars().last()).collect()
            }
        }
    }
}

fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn sorted(mut values: Vec<u16>) -> String {
    values.sort_unstable();
    listed(&values)
}

fn listed(values: &[u16]) -> String {
    values
        .iter()
        .map(|value| format!("{value:04x}"))
        .collect::<Vec<_>>()
        .join(",")
}

fn short_hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    hex(&Sha256::digest(text)[..6])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that are read from their start.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    /// A vector with a length of one byte.
    fn short(&mut self) -> Option<Reader<'a>> {
        let length = *self.take(1)?.first()?;
        self.take(usize::from(length)).map(Reader)
    }

    /// A vector with a length of two bytes.
    fn long(&mut self) -> Option<Reader<'a>> {
        let length = self.number()?;
        self.take(usize::from(length)).map(Reader)
    }

    /// Numbers of two bytes, but those of GREASE.
    fn numbers(mut self) -> Option<Vec<u16>> {
        let mut numbers = Vec::new();
        while !self.0.is_empty() {
            numbers.push(self.number()?);
        }
        numbers.retain(|number| !is_grease(*number));
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vector(length_bytes: usize, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u64).to_be_bytes();
        [&length[8 - length_bytes..], content].concat()
    }

    fn numbers(values: &[u16]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect()
    }

    fn message(ciphers: &[u16], extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let extensions: Vec<u8> = extensions
            .iter()
            .flat_map(|(kind, content)| [numbers(&[*kind]), vector(2, content)].concat())
            .collect();
        let body = [
            vec![3, 3],
            vec![7; 32],
            vector(1, &[9; 32]),
            vector(2, &numbers(ciphers)),
            vec![1, 0],
            vector(2, &extensions),
        ]
        .concat();
        [vec![1], vector(3, &body)].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message
            .chunks(size)
            .flat_map(|part| [vec![22, 3, 1], vector(2, part)].concat())
            .collect()
    }

    /// The hello of a Chrome that JA4's own description takes as its example.
    fn chrome() -> Vec<u8> {
        let empty = |kind: u16| (kind, Vec::new());
        let signatures = [
            0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
        ];
        let extensions = [
            empty(0x1a1a),
            empty(0x0000),
            empty(0x0017),
            empty(0xff01),
            (
                0x000a,
                vector(2, &numbers(&[0x2a2a, 0x001d, 0x0017, 0x0018])),
            ),
            (0x000b, vector(1, &[0])),
            empty(0x0023),
            (
                0x0010,
                vector(2, &[vector(1, b"h2"), vector(1, b"http/1.1")].concat()),
            ),
            empty(0x0005),
            (0x000d, vector(2, &numbers(&signatures))),
            empty(0x0012),
            empty(0x0033),
            empty(0x002d),
            (0x002b, vector(1, &numbers(&[0x3a3a, 0x0304, 0x0303]))),
            empty(0x001b),
            empty(0x4469),
            empty(0x0015),
        ];
        let ciphers = [
            0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
            0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
        ];
        message(&ciphers, &extensions)
    }

    #[test]
    fn the_example_of_ja4_has_its_fingerprint() {
        let fingerprints = read(&records(&chrome(), 16_000)).unwrap().unwrap();
        assert_eq!(
            fingerprints.ja4.unwrap(),
            "t13d1516h2_8daaf6152771_e5627efa2ab1"
        );
        let text = "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,0-23-65281-10-11-35-16-5-13-18-51-45-43-27-17513-21,29-23-24,0";
        assert_eq!(fingerprints.ja3.unwrap(), hex(&Md5::digest(text)));
    }

    #[test]
    fn a_message_is_read_once_it_is_there_in_however_many_records() {
        for size in [1, 100, 16_000] {
            let bytes = records(&chrome(), size);
            let whole = read(&bytes).unwrap();
            assert!(whole.is_some());
            assert_eq!(read(&[&bytes[..], b"more"].concat()).unwrap(), whole);
            assert!((0..bytes.len()).all(|end| read(&bytes[..end]) == Ok(None)));
        }
    }

    #[test]
    fn what_is_no_hello_is_told() {
        for wrong in [
            &b"GET / HTTP/1.1"[..],
            &[22, 3, 1, 0, 0],
            &[22, 3, 1, 0, 4, 2, 0, 0, 0],
            &[22, 3, 1, 0, 5, 1, 0, 0, 1, 0],
            &[21, 3, 1],
        ] {
            assert_eq!(read(wrong), Err(NoHello), "{wrong:?}");
        }
    }

    #[test]
    fn clients_without_extensions_have_fingerprints_too() {
        let body = [
            vec![3, 1],
            vec![7; 32],
            vec![0],
            vector(2, &numbers(&[0x002f])),
            vec![1, 0],
        ]
        .concat();
        let bytes = records(&[vec![1], vector(3, &body)].concat(), 16_000);
        let ja4 = read(&bytes).unwrap().unwrap().ja4.unwrap();
        assert!(
            ja4.starts_with("t10i010000_") && ja4.ends_with("_000000000000"),
            "{ja4}"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..300, byte in any::<u8>()) {
            let _ = read(&bytes);
            let mut changed = records(&chrome(), 90);
            if let Some(place) = changed.get_mut(at) {
                *place = byte;
            }
            let _ = read(&changed);
            let _ = Hello::parse(&bytes);
        }
    }
}
