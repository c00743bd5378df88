//! Reading fields off the front of bytes from outside.

/// What is left to read; every read past the end is `None`.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of 40 bits.
    pub fn u40(&mut self) -> Option<u64> {
        let [a, b, c, d, e] = self.array()?;
        Some(u64::from_be_bytes([0, 0, 0, a, b, c, d, e]))
    }

    /// A text of up to 255 bytes behind a byte that says how many.
    pub fn short_text(&mut self) -> Option<&'a str> {
        let count = self.byte()?;
        std::str::from_utf8(self.take(count.into())?).ok()
    }

    /// Bytes behind their number, of 32 bits.
    pub fn long_bytes(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.u32()?).ok()?;
        self.take(count)
    }
}

/// Appends a number of 40 bits.
pub(crate) fn put_u40(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_be_bytes()[3..]);
}

/// Appends what [`Reader::short_text`] reads; `text` has at most 255 bytes.
pub(crate) fn put_short_text(out: &mut Vec<u8>, text: &str) {
    debug_assert!(text.len() <= 255, "a name is short");
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

/// Appends what [`Reader::long_bytes`] reads.
pub(crate) fn put_long_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let count = u32::try_from(bytes.len()).expect("far below 4 GiB");
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(bytes);
}
