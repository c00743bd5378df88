//! Addresses: code from elsewhere, the server's own network, redirects that only look local.

use crate::bytes::{Profile, at, find, has_at, is_space};
use crate::finding::{Finding, Kind};

/// An address that a server would include code from: a number for a host, a script for a file, or a `?` that cuts off
/// what the program appends.
pub fn rfi(value: &[u8]) -> Option<Finding> {
    scan_rfi(value, Profile::of(value))
}

pub(crate) fn scan_rfi(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.all(Profile::COLON | Profile::SLASH) {
        return None;
    }
    let url = Url::parse(value)?;
    if !matches!(
        url.scheme,
        b"http" | b"https" | b"ftp" | b"ftps" | b"sftp" | b"smb" | b"file" | b"ssh2"
    ) {
        return None;
    }
    let path = url
        .rest
        .split(|&byte| byte == b'?' || byte == b'#')
        .next()
        .unwrap_or_default();
    let script = [
        &b".php"[..],
        b".asp",
        b".jsp",
        b".phtml",
        b".inc",
        b".cgi",
        b".pl",
        b".txt",
        b".php5",
    ]
    .iter()
    .any(|suffix| {
        path.len() >= suffix.len() && path[path.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
    });
    let numeric = url
        .host
        .iter()
        .all(|&byte| byte.is_ascii_digit() || byte == b'.')
        && !url.host.is_empty();
    let cut = value.ends_with(b"?") || value.ends_with(b"?\0");
    let reason = if cut && !path.is_empty() {
        "cut-address"
    } else if numeric && script {
        "numeric-script-address"
    } else {
        return None;
    };
    Some(Finding::new(Kind::Rfi, 0, value.len(), reason))
}

struct Url<'a> {
    scheme: &'a [u8],
    host: &'a [u8],
    rest: &'a [u8],
    user: bool,
}

impl<'a> Url<'a> {
    /// The value as an address, if all of it is one.
    fn parse(value: &'a [u8]) -> Option<Self> {
        let value = value.trim_ascii();
        if value.iter().any(|&byte| is_space(byte)) {
            return None;
        }
        let colon = value.iter().take(16).position(|&byte| byte == b':')?;
        let scheme = value.get(..colon)?;
        if scheme.is_empty()
            || !scheme
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'))
        {
            return None;
        }
        let after = value.get(colon + 1..)?;
        let slashes = after
            .iter()
            .take_while(|&&byte| byte == b'/' || byte == b'\\')
            .count();
        let after = after.get(slashes..)?;
        let end = after
            .iter()
            .position(|&byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'))
            .unwrap_or(after.len());
        let authority = &after[..end];
        let user = authority.iter().rposition(|&byte| byte == b'@');
        let host = user.map_or(authority, |at| &authority[at + 1..]);
        let host = if host.starts_with(b"[") {
            host.iter()
                .position(|&byte| byte == b']')
                .map_or(host, |close| &host[..=close])
        } else {
            host.split(|&byte| byte == b':').next().unwrap_or_default()
        };
        Some(Self {
            scheme,
            host,
            rest: &after[end..],
            user: user.is_some(),
        })
    }
}

/// An address of the server itself, of a metadata service or with a scheme no client should choose.
pub fn ssrf(value: &[u8]) -> Option<Finding> {
    scan_ssrf(value, Profile::of(value))
}

pub(crate) fn scan_ssrf(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::COLON | Profile::SLASH)
        || !profile.any(Profile::ALPHA | Profile::DIGIT)
    {
        return None;
    }
    let found = |reason| Some(Finding::new(Kind::Ssrf, 0, value.len(), reason));
    if let Some(url) = Url::parse(value) {
        let strange: [&[u8]; 12] = [
            b"gopher", b"dict", b"tftp", b"ldap", b"ldaps", b"jar", b"netdoc", b"rmi", b"smb",
            b"mailto-", b"unix", b"sftp",
        ];
        let scheme = strange
            .iter()
            .any(|scheme| scheme.eq_ignore_ascii_case(url.scheme));
        let addressed = !url.host.is_empty() || url.rest.len() > 1;
        if scheme && addressed && value[url.scheme.len()..].starts_with(b":/") {
            return found("address-scheme");
        }
        let web = matches!(
            url.scheme.to_ascii_lowercase().as_slice(),
            b"http" | b"https" | b"ftp" | b"ws" | b"wss"
        );
        if web && plainly_local(url.host) {
            return found("local-host");
        }
        if web && internal(url.host) {
            return found("internal-host");
        }
        if url.scheme.eq_ignore_ascii_case(b"data") && text_document(value) {
            return found("data-address");
        }
    }
    // A host without a scheme, which a client puts one before: `localhost/`, `localhost:8080/x`.
    let end = value.iter().position(|byte| matches!(byte, b'/' | b':'));
    if end
        .is_some_and(|end| end > 0 && named_internal(&value[..end]) && !profile.any(Profile::SPACE))
    {
        return found("local-host");
    }
    // mod_proxy's way to a socket of the machine.
    if has_at(value, 0, b"unix:") && find(value, 5, b"|http").is_some() {
        return found("socket-address");
    }
    None
}

/// `data:text/plain,…`, `data:,…`: a document a client would read instead of fetching one.
fn text_document(value: &[u8]) -> bool {
    let kind = value.get(5..).unwrap_or_default();
    let passive = [
        &b"image/"[..],
        b"audio/",
        b"video/",
        b"font/",
        b"application/pdf",
    ];
    let document =
        kind.first().is_some_and(|byte| matches!(byte, b',' | b';')) || kind.contains(&b'/');
    document && !passive.iter().any(|head| has_at(kind, 0, head))
}

/// The address of a cloud's metadata service, in whatever way it is written.
pub fn metadata(value: &[u8]) -> Option<Finding> {
    scan_metadata(value, Profile::of(value))
}

pub(crate) fn scan_metadata(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::DOT | Profile::COLON | Profile::SLASH) {
        return None;
    }
    let mut start = 0;
    for host in value.split(|&byte| is_space(byte) || b"/@?#&=\"'()<>,;|".contains(&byte)) {
        if host.len() >= 8 && metadata_host(host) {
            let end = start + host.len();
            return Some(Finding::new(Kind::Metadata, start, end, "metadata-service"));
        }
        start += host.len() + 1;
    }
    None
}

/// AWS, Azure, Google, DigitalOcean, Oracle (all 169.254.169.254), Alibaba (100.100.100.200), and their names.
fn metadata_host(host: &[u8]) -> bool {
    let names: [&[u8]; 3] = [
        b"metadata.google.internal",
        b"instance-data.ec2.internal",
        b"metadata.packet.net",
    ];
    if names.iter().any(|name| name.eq_ignore_ascii_case(host)) {
        return true;
    }
    if let Some(inner) = host.strip_prefix(b"[") {
        return has_at(inner, 0, b"fd00:ec2::254")
            || has_at(inner, 0, b"::ffff:169.254.169.254")
            || has_at(inner, 0, b"::ffff:a9fe:a9fe");
    }
    let host = host.split(|&byte| byte == b':').next().unwrap_or_default();
    host.first().is_some_and(u8::is_ascii_digit)
        && number(host)
            .is_some_and(|(address, _)| matches!(address, 0xa9fe_a9fe | 0xa9fe_aa02 | 0x6464_64c8))
}

/// Names and numbers that lead to the machine itself or to its cloud's metadata.
fn internal(host: &[u8]) -> bool {
    if named_internal(host) {
        return true;
    }
    if host.starts_with(b"[") {
        let inner = host.trim_ascii_start();
        return inner.starts_with(b"[::1")
            || inner.starts_with(b"[::]")
            || inner.starts_with(b"[::ffff:")
            || inner.starts_with(b"[fd00:ec2:")
            || inner.starts_with(b"[0:0:0:0:0");
    }
    let Some((address, odd)) = number(host) else {
        return false;
    };
    let [a, b, ..] = address.to_be_bytes();
    // A number no one writes by hand, or a loopback, link-local or unspecified address.
    odd || a == 127
        || a == 0
        || a == 169 && b == 254
        || address == 0xc000_00c0
        || address == 0x6464_64c8
}

/// The machine itself, as people write it in documentation too.
fn plainly_local(host: &[u8]) -> bool {
    host.eq_ignore_ascii_case(b"localhost")
        || host == b"127.0.0.1"
        || host == b"[::1]"
        || host == b"0.0.0.0"
}

/// Names of the machine itself, of the one that runs its container, of its cloud's metadata; and public names that
/// resolve to the machine itself.
fn named_internal(host: &[u8]) -> bool {
    let names: [&[u8]; 22] = [
        b"localhost",
        b"ipv6-localhost",
        b"ipv6-loopback",
        b"gateway.docker.internal",
        b"kubernetes.docker.internal",
        b"host.containers.internal",
        b"kubernetes.default.svc.cluster.local",
        b"localtest.me",
        b"lvh.me",
        b"localhost4",
        b"localhost6",
        b"localhost.localdomain",
        b"localhost4.localdomain4",
        b"localhost6.localdomain6",
        b"ip6-localhost",
        b"ip6-loopback",
        b"metadata.google.internal",
        b"metadata",
        b"instance-data",
        b"host.docker.internal",
        b"kubernetes.default.svc",
        b"metadata.packet.net",
    ];
    names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// Whether the value is a web address whose host is a number no one writes by hand: decimal, octal or hexadecimal.
pub(crate) fn numeric_host(value: &[u8]) -> bool {
    Url::parse(value).is_some_and(|url| number(url.host).is_some_and(|(_, odd)| odd))
}

/// An IPv4 address as C's `inet_aton` reads it, and whether it was written other than four decimal numbers.
fn number(host: &[u8]) -> Option<(u32, bool)> {
    let mut parts = [0u64; 4];
    let (mut count, mut odd) = (0, false);
    for part in host.split(|&byte| byte == b'.') {
        let text = std::str::from_utf8(part).ok()?;
        let value = if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            odd = true;
            u64::from_str_radix(hex.get(hex.len().saturating_sub(8)..)?, 16).ok()?
        } else if text.len() > 1 && text.starts_with('0') {
            odd = true;
            u64::from_str_radix(text, 8).ok()?
        } else {
            text.parse().ok()?
        };
        *parts.get_mut(count)? = value;
        count += 1;
    }
    let last = parts[count.checked_sub(1)?];
    let mut address = last & 0xffff_ffff;
    for (index, &part) in parts[..count - 1].iter().enumerate() {
        address |= (part & 0xff) << (24 - 8 * index);
    }
    Some((u32::try_from(address & 0xffff_ffff).ok()?, odd || count < 4))
}

/// A redirect target that looks like a path of this site and is an address of another.
pub fn redirect(value: &[u8]) -> Option<Finding> {
    scan_redirect(value, Profile::of(value))
}

pub(crate) fn scan_redirect(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::SLASH | Profile::BACKSLASH)
        || profile.any(Profile::SPACE) && !value.starts_with(b"/\t")
    {
        return None;
    }
    let host = |from: usize| {
        at(value, from).is_ascii_alphanumeric()
            && value[from..].iter().take(64).any(|&byte| byte == b'.')
    };
    let slashes = value
        .iter()
        .take_while(|byte| matches!(byte, b'/' | b'\\' | b'\t'))
        .count();
    let mixed = value[..slashes].iter().any(|&byte| byte != b'/');
    let hidden =
        slashes >= 2 && value.starts_with(b"/") && (mixed || slashes >= 3) && host(slashes);
    const SCHEMES: [&[u8]; 2] = [b"https:", b"http:"];
    let scheme = SCHEMES.iter().find(|scheme| has_at(value, 0, scheme));
    let bare = scheme.is_some_and(|scheme| {
        let after = &value[scheme.len()..];
        let slashes = after
            .iter()
            .take_while(|&&byte| byte == b'/' || byte == b'\\')
            .count();
        slashes != 2 && host(scheme.len() + slashes) || after[..slashes].contains(&b'\\')
    });
    let disguised = Url::parse(value).is_some_and(|url| {
        scheme.is_some()
            && url.user
            && find(value, 0, b"@").is_some_and(|place| {
                value[..place].iter().filter(|&&byte| byte == b'.').count() > 0
                    && !value[8.min(place)..place].contains(&b':')
            })
    });
    let reason = if hidden {
        "hidden-host"
    } else if bare {
        "bare-scheme"
    } else if disguised {
        "disguised-host"
    } else {
        return None;
    };
    Some(Finding::new(Kind::Redirect, 0, value.len(), reason))
}
