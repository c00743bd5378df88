//! The page that solves a challenge: nothing but itself, and nothing to click.

/// What the page may do: run its script and ask its own origin.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'self'";

const PAGE: &str = include_str!("page.html");

/// The page of one challenge. All three are of letters and digits that need no escaping.
pub(super) fn page(sealed: &str, id: &str, bits: u8) -> String {
    let page = PAGE.replace("SEALED", sealed);
    page.replace("CHALLENGE_ID", id)
        .replace("BITS", &bits.to_string())
}
