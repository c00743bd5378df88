//! Challenges: a proof of work that a browser does by itself, and the token it gets for it.
//!
//! A challenge is stateless: what it is bound to (host, client's address) is authenticated with it, and when it was made is within.
//! It counts once and for five minutes. The token names the domain it is for and is bound to the user agent; how long it counts is the
//! rule's immunity time.

mod page;
mod seal;
mod used;

use std::net::IpAddr;

use bytes::Bytes;
use palisade_waf::TokenState;
use sha2::{Digest as _, Sha256};

use crate::head::{Fields, RequestHead};
use crate::message::Own;

pub use seal::{NoKeys, Sealer};
use used::Used;

/// The cookie a token is in.
pub const COOKIE: &str = "aws-waf-token";
/// The field a solution comes in.
pub const SOLUTION: &str = "x-palisade-solution";
/// Seconds in which a challenge must be solved.
const CHALLENGE_S: u64 = 300;
/// Seconds a browser keeps a token: the longest immunity time.
const COOKIE_S: u64 = 259_200;

/// Makes challenges, takes solutions, and says what tokens are worth.
#[derive(Debug)]
pub struct Challenges {
    sealer: Sealer,
    difficulty_bits: u8,
    used: Used,
}

/// Who is challenged.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The head of its request.
    pub head: &'a RequestHead,
    /// Its address.
    pub address: IpAddr,
    /// Whether it came by TLS.
    pub secure: bool,
    /// The domains a token may be for, besides the host's own.
    pub token_domains: &'a [String],
}

/// Why a solution does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSolution {
    /// It did not come by a GET from the page itself.
    #[error("not by a GET of the same origin")]
    Elsewhere,
    /// The challenge is none of ours, or another client's, or for another host.
    #[error("no challenge of this client")]
    Unknown,
    /// It was made too long ago.
    #[error("too late")]
    Late,
    /// The work was not done.
    #[error("not solved")]
    Unsolved,
    /// It was solved already.
    #[error("solved already")]
    Used,
}

/// What a sealed text is for: one is never taken for the other.
mod purpose {
    pub(super) const CHALLENGE: &[u8] = b"palisade waf challenge 1";
    pub(super) const TOKEN: &[u8] = b"palisade waf token 1";
}

impl Challenges {
    /// Challenges under these keys; their solutions take 2 to the power of `difficulty_bits` hashes on average.
    pub fn new(sealer: Sealer, difficulty_bits: u8) -> Challenges {
        Challenges {
            sealer,
            difficulty_bits,
            used: Used::default(),
        }
    }

    /// The answer that challenges: to a browser with the page that solves it. `random` is 16 fresh bytes.
    pub fn challenge(
        &self,
        client: &Client<'_>,
        now_s: u64,
        random: [u8; 16],
        request_id: &str,
    ) -> Own {
        let mut own = Own::plain(202, request_id);
        own.fields.truncate(1);
        own.body = Bytes::new();
        let mut add =
            |name: &str, value: &str| own.fields.push((name.to_owned(), value.to_owned()));
        add("x-amzn-waf-action", "challenge");
        add("cache-control", "no-store, max-age=0");
        if client.head.fields().values("accept").any(names_html) {
            add("content-type", "text/html; charset=utf-8");
            add("content-security-policy", page::POLICY);
            let sealed = self.sealed_challenge(client, now_s, random);
            own.body = page::page(&sealed, &hex(&random), self.difficulty_bits).into();
        }
        own
    }

    fn sealed_challenge(&self, client: &Client<'_>, now_s: u64, id: [u8; 16]) -> String {
        let mut plain = Vec::with_capacity(25);
        plain.extend_from_slice(&now_s.to_be_bytes());
        plain.push(self.difficulty_bits);
        plain.extend_from_slice(&id);
        self.sealer.seal(&bound(client), &plain, &id)
    }

    /// The answer to a solution: a token, once. `random` is 16 fresh bytes.
    ///
    /// # Errors
    /// Where it does not count.
    pub fn solve(
        &self,
        client: &Client<'_>,
        solution: &[u8],
        now_s: u64,
        random: [u8; 16],
        request_id: &str,
    ) -> Result<Own, NoSolution> {
        if client.head.method() != b"GET" || !is_same_origin(client.head.fields()) {
            return Err(NoSolution::Elsewhere);
        }
        let solution = std::str::from_utf8(solution).map_err(|_| NoSolution::Unknown)?;
        let (sealed, counter) = solution.split_once('.').ok_or(NoSolution::Unknown)?;
        let plain = self
            .sealer
            .open(&bound(client), sealed)
            .ok_or(NoSolution::Unknown)?;
        let (Some((made_s, rest)), true) = (plain.split_first_chunk::<8>(), plain.len() == 25)
        else {
            return Err(NoSolution::Unknown);
        };
        let (bits, id) = (rest[0], &rest[1..]);
        let age_s = now_s.checked_sub(u64::from_be_bytes(*made_s));
        if age_s.is_none_or(|age| age > CHALLENGE_S) {
            return Err(NoSolution::Late);
        }
        let plain_number =
            (1..=15).contains(&counter.len()) && counter.bytes().all(|byte| byte.is_ascii_digit());
        if !plain_number
            || zero_bits(&Sha256::digest(format!("{}:{counter}", hex(id)))) < u32::from(bits)
        {
            return Err(NoSolution::Unsolved);
        }
        let id: [u8; 16] = id.try_into().map_err(|_| NoSolution::Unknown)?;
        if !self.used.first(id, now_s, CHALLENGE_S) {
            return Err(NoSolution::Used);
        }
        let mut own = Own::plain(204, request_id);
        own.fields.truncate(1);
        own.fields
            .push(("cache-control".to_owned(), "no-store, max-age=0".to_owned()));
        own.fields
            .push(("set-cookie".to_owned(), self.cookie(client, now_s, random)));
        Ok(own)
    }

    fn cookie(&self, client: &Client<'_>, now_s: u64, random: [u8; 16]) -> String {
        let host = host_name(client.head);
        let wide = client
            .token_domains
            .iter()
            .find(|domain| is_within(&host, domain));
        let mut plain = now_s.to_be_bytes().to_vec();
        plain.extend_from_slice(wide.unwrap_or(&host).as_bytes());
        let token = self
            .sealer
            .seal(&of_agent(client.head.fields()), &plain, &random);
        let domain = wide.map_or(String::new(), |domain| format!("; Domain={domain}"));
        let secure = if client.secure { "; Secure" } else { "" };
        format!(
            "{COOKIE}={token}; Path=/; Max-Age={COOKIE_S}; SameSite=Lax; HttpOnly{domain}{secure}"
        )
    }

    /// What the token of a request is worth; of several the best.
    pub fn token(&self, head: &RequestHead, token_domains: &[String]) -> TokenState {
        let mut worth = TokenState::Missing;
        let cookies = head
            .fields()
            .values("cookie")
            .flat_map(|value| value.split(|byte| *byte == b';'));
        for cookie in cookies {
            let Some(token) = cookie
                .trim_ascii()
                .strip_prefix(COOKIE.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="))
            else {
                continue;
            };
            match self.worth(head, token, token_domains) {
                solved @ TokenState::Solved { .. } => return solved,
                other if worth == TokenState::Missing => worth = other,
                _ => {}
            }
        }
        worth
    }

    fn worth(&self, head: &RequestHead, token: &[u8], token_domains: &[String]) -> TokenState {
        let token = std::str::from_utf8(token).ok();
        let plain = token.and_then(|token| self.sealer.open(&of_agent(head.fields()), token));
        let Some((solved_s, domain)) = plain
            .as_ref()
            .and_then(|plain| plain.split_first_chunk::<8>())
        else {
            return TokenState::Invalid;
        };
        let (host, domain) = (host_name(head), String::from_utf8_lossy(domain));
        let listed = token_domains
            .iter()
            .any(|listed| listed.eq_ignore_ascii_case(&domain));
        if host == domain || (listed && is_within(&host, &domain)) {
            TokenState::Solved {
                at_s: u64::from_be_bytes(*solved_s),
            }
        } else {
            TokenState::DomainMismatch
        }
    }
}

/// What a challenge is bound to.
fn bound(client: &Client<'_>) -> Vec<u8> {
    let host = host_name(client.head);
    [
        purpose::CHALLENGE,
        b"\0",
        host.as_bytes(),
        b"\0",
        client.address.to_string().as_bytes(),
    ]
    .concat()
}

/// What a token is bound to.
fn of_agent(fields: &Fields) -> Vec<u8> {
    let agent = fields.values("user-agent").next().unwrap_or_default();
    [purpose::TOKEN, b"\0", agent].concat()
}

/// The host without its port, in small letters.
fn host_name(head: &RequestHead) -> String {
    let host = String::from_utf8_lossy(head.host().unwrap_or_default()).to_ascii_lowercase();
    let end_of_address = host.find(']').map_or(0, |at| at + 1);
    let end = host[end_of_address..]
        .find(':')
        .map_or(host.len(), |at| end_of_address + at);
    host[..end].to_owned()
}

/// Whether the host is the domain or one of its subdomains.
fn is_within(host: &str, domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    host == domain
        || host
            .strip_suffix(&domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// Browsers say where a request comes from; a field that no form can send does the rest.
fn is_same_origin(fields: &Fields) -> bool {
    let host = fields.values("host").next().unwrap_or_default();
    let site = fields
        .values("sec-fetch-site")
        .all(|site| site == b"same-origin");
    site && fields.values("origin").all(|origin| {
        let authority = memchr::memmem::find(origin, b"://").map(|at| &origin[at + 3..]);
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    })
}

fn names_html(accept: &[u8]) -> bool {
    memchr::memmem::find(&accept.to_ascii_lowercase(), b"text/html").is_some()
}

fn zero_bits(hash: &[u8]) -> u32 {
    let zeros = hash.iter().take_while(|byte| **byte == 0).count();
    let next = hash.get(zeros).map_or(0, |byte| byte.leading_zeros());
    u32::try_from(zeros * 8).unwrap_or(u32::MAX) + next
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: u8 = 8;

    fn challenges() -> Challenges {
        Challenges::new(Sealer::new(vec![[1; 32]]), BITS)
    }

    fn head(method: &str, fields: &str) -> RequestHead {
        let text = format!(
            "{method} / HTTP/1.1\r\nHost: shop.example.com:8080\r\nUser-Agent: test\r\n{fields}\r\n"
        );
        RequestHead::parse(text.into(), 100).unwrap()
    }

    fn client<'a>(head: &'a RequestHead, token_domains: &'a [String]) -> Client<'a> {
        Client {
            head,
            address: "192.0.2.1".parse().unwrap(),
            secure: true,
            token_domains,
        }
    }

    /// Challenge and counter as the page finds them.
    fn solved(challenges: &Challenges, client: &Client<'_>, id: u8) -> String {
        let sealed = challenges.sealed_challenge(client, 1000, [id; 16]);
        let counter = (0u64..).find(|counter| {
            zero_bits(&Sha256::digest(format!("{}:{counter}", hex(&[id; 16])))) >= u32::from(BITS)
        });
        format!("{sealed}.{}", counter.unwrap())
    }

    fn field<'a>(own: &'a Own, name: &str) -> Option<&'a str> {
        own.fields
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| &**value)
    }

    #[test]
    fn a_solution_counts_once_for_who_was_challenged() {
        let (challenges, head) = (challenges(), head("GET", "Accept: text/html\r\n"));
        let client = client(&head, &[]);
        let solution = solved(&challenges, &client, 7);
        let solve = |client: &Client<'_>, solution: &str, now| {
            challenges
                .solve(client, solution.as_bytes(), now, [9; 16], "id")
                .map(|own| own.status)
        };
        let other = Client {
            address: "192.0.2.2".parse().unwrap(),
            ..client
        };
        assert_eq!(solve(&other, &solution, 1001), Err(NoSolution::Unknown));
        let elsewhere = RequestHead::parse(
            "GET / HTTP/1.1\r\nHost: other.example.com\r\n\r\n".into(),
            9,
        )
        .unwrap();
        assert_eq!(
            solve(
                &Client {
                    head: &elsewhere,
                    ..client
                },
                &solution,
                1001
            ),
            Err(NoSolution::Unknown)
        );
        let (sealed, _) = solution.split_once('.').unwrap();
        for wrong in ["", "x", "-1", "1e9", "99999999999999999999"] {
            assert_eq!(
                solve(&client, &format!("{sealed}.{wrong}"), 1001),
                Err(NoSolution::Unsolved),
                "{wrong}"
            );
        }
        assert_eq!(solve(&client, "abc.1", 1001), Err(NoSolution::Unknown));
        assert_eq!(solve(&client, &solution, 1301), Err(NoSolution::Late));
        assert_eq!(
            solve(&client, &solution, 999),
            Err(NoSolution::Late),
            "of a time to come"
        );
        assert_eq!(solve(&client, &solution, 1001), Ok(204));
        assert_eq!(solve(&client, &solution, 1002), Err(NoSolution::Used));
    }

    #[test]
    fn solutions_come_by_get_from_the_same_origin() {
        let challenges = challenges();
        for (method, fields, counts) in [
            ("POST", "", false),
            ("GET", "Origin: https://evil.example\r\n", false),
            ("GET", "Sec-Fetch-Site: cross-site\r\n", false),
            (
                "GET",
                "Sec-Fetch-Site: same-origin\r\nOrigin: https://shop.example.com:8080\r\n",
                true,
            ),
        ] {
            let head = head(method, fields);
            let client = client(&head, &[]);
            let solution = solved(&challenges, &client, fields.len() as u8);
            let done = challenges.solve(&client, solution.as_bytes(), 1000, [9; 16], "id");
            assert_eq!(done.is_ok(), counts, "{method} {fields}");
        }
    }

    #[test]
    fn a_token_is_for_its_domain_and_its_user_agent() {
        let (challenges, head) = (challenges(), head("GET", ""));
        let domains = ["example.com".to_owned()];
        let token = |token_domains: &[String]| {
            challenges.cookie(&client(&head, token_domains), 1000, [3; 16])
        };
        let (narrow, wide) = (token(&[]), token(&domains));
        assert!(wide.contains("; Domain=example.com; Secure"), "{wide}");
        let worth = |host: &str, agent: &str, cookie: &str, domains: &[String]| {
            let cookie = cookie.split(';').next().unwrap();
            let text = format!(
                "GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nCookie: a=b; {cookie}\r\n\r\n"
            );
            challenges.token(&RequestHead::parse(text.into(), 9).unwrap(), domains)
        };
        let solved = TokenState::Solved { at_s: 1000 };
        assert_eq!(worth("SHOP.example.com", "test", &narrow, &[]), solved);
        assert_eq!(
            worth("www.example.com", "test", &narrow, &domains),
            TokenState::DomainMismatch
        );
        assert_eq!(worth("www.example.com", "test", &wide, &domains), solved);
        assert_eq!(
            worth("www.example.com", "test", &wide, &[]),
            TokenState::DomainMismatch,
            "no longer listed"
        );
        assert_eq!(
            worth("badexample.com", "test", &wide, &domains),
            TokenState::DomainMismatch
        );
        assert_eq!(
            worth("shop.example.com", "other", &narrow, &[]),
            TokenState::Invalid
        );
        assert_eq!(
            worth("shop.example.com", "test", "aws-waf-token=abc", &[]),
            TokenState::Invalid
        );
        assert_eq!(
            worth("shop.example.com", "test", "x=y", &[]),
            TokenState::Missing
        );
        assert_eq!(
            worth(
                "shop.example.com",
                "test",
                &format!("aws-waf-token=abc; {narrow}"),
                &[]
            ),
            TokenState::Invalid,
            "the rest was cut"
        );
    }

    #[test]
    fn a_challenge_is_no_token() {
        let (challenges, head) = (challenges(), head("GET", ""));
        let sealed = challenges.sealed_challenge(&client(&head, &[]), 1000, [7; 16]);
        assert_eq!(
            challenges.worth(&head, sealed.as_bytes(), &[]),
            TokenState::Invalid
        );
    }

    #[test]
    fn only_who_takes_html_gets_the_page() {
        let challenges = challenges();
        for (fields, page) in [
            ("Accept: text/html,*/*\r\n", true),
            ("Accept: application/json\r\n", false),
            ("", false),
        ] {
            let head = head("POST", fields);
            let own = challenges.challenge(&client(&head, &[]), 1000, [7; 16], "id");
            assert_eq!(
                (own.status, field(&own, "x-amzn-waf-action")),
                (202, Some("challenge"))
            );
            assert_eq!(own.body.is_empty(), !page);
            assert!(
                own.fields
                    .iter()
                    .all(|(name, _)| !name.starts_with("access-control-"))
            );
        }
    }
}
