//! Bounds on what is read, and how IAM counts a policy's size.

/// The largest document that is parsed at all. IAM's own limits are far lower and depend on where the policy
/// is attached; the largest of any service (S3 bucket policies) is 20 KB.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// The largest case file that is read.
pub const CASE_BYTES_MAX: usize = 16 << 20;

/// The size of a policy as IAM counts it for its quotas: characters, white space not counted.
/// Source: IAM User Guide, "IAM and AWS STS quotas".
pub fn counted_characters(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    #[test]
    fn white_space_does_not_count() {
        assert_eq!(super::counted_characters("{ \"é\":\n\t1 }"), 7);
    }
}
