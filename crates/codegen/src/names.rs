//! From the model's names to Rust's.

/// `UserName` to `user_name`, `SAMLProviderArn` to `saml_provider_arn`, `S3BucketName` to `s3_bucket_name`.
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 4);
    for (at, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            out.push('_');
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        let word_ends = before.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        // The last capital of a run begins the next word, unless what follows is the plural of an abbreviation (`ARNs`).
        let plural = after == Some(&'s') && chars.get(at + 2).is_none_or(char::is_ascii_uppercase);
        let run_ends = before.is_some_and(char::is_ascii_uppercase)
            && after.is_some_and(char::is_ascii_lowercase)
            && !plural;
        if c.is_ascii_uppercase() && (word_ends || run_ends) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// A member's name as a field: snake case, and no keyword.
pub fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "self" | "super" | "crate" => format!("{name}_"),
        "as" | "async" | "await" | "box" | "break" | "const" | "continue" | "do" | "dyn"
        | "else" | "enum" | "extern" | "false" | "final" | "fn" | "for" | "gen" | "if" | "impl"
        | "in" | "let" | "loop" | "macro" | "match" | "mod" | "move" | "mut" | "priv" | "pub"
        | "ref" | "return" | "static" | "struct" | "trait" | "true" | "try" | "type" | "unsafe"
        | "use" | "virtual" | "where" | "while" | "yield" => format!("r#{name}"),
        _ => name,
    }
}

/// A shape's name as a type: its first letter a capital.
pub fn type_name(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(chars)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_stay_together() {
        for (name, expected) in [
            ("UserName", "user_name"),
            ("SAMLProviderArn", "saml_provider_arn"),
            ("S3BucketName", "s3_bucket_name"),
            ("ARN", "arn"),
            ("TagARNs", "tag_arns"),
            ("OpenIDConnectProviderArn", "open_id_connect_provider_arn"),
            ("AuthenticationCode1", "authentication_code1"),
            ("IsMultiRegionTrail", "is_multi_region_trail"),
            ("trailARN", "trail_arn"),
            ("x-amz-acl", "x_amz_acl"),
        ] {
            assert_eq!(snake(name), expected);
        }
    }

    #[test]
    fn a_keyword_is_no_field() {
        assert_eq!(field("Type"), "r#type");
        assert_eq!(field("Self"), "self_");
    }
}
