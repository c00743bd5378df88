//! Whether a `Resource` can be of a resource type at all: two patterns, and a text that both match.

use crate::arn::split_pieces;
use crate::pattern::{Piece, Syntax, pieces};

/// The longest text that is looked at; no ARN is longer (IAM User Guide, "IAM and AWS STS quotas").
const BYTES_MAX: usize = 2048;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    One,
    Many,
}

/// Whether some ARN matches both a `Resource` as written and the ARN of a resource type, such as
/// `arn:${Partition}:s3:::${BucketName}/${ObjectName}`. What is no ARN, or too long to be one, is passed over: that is told elsewhere.
pub(crate) fn overlap(resource: &str, template: &str) -> bool {
    if resource.len() > BYTES_MAX {
        return true;
    }
    let (Some(written), Some(of_type)) = (segments(resource, true), segments(template, false))
    else {
        return true;
    };
    let mut pairs = written.iter().zip(&of_type);
    pairs.all(|(written, of_type)| meet(written, of_type))
}

/// Whether two patterns have a text in common.
fn meet(written: &[Token], of_type: &[Token]) -> bool {
    // From the end: whether what is left of one and of the other have one. A row for each token of `written`.
    let width = of_type.len();
    let mut below = vec![false; width + 1];
    for at in (0..=written.len()).rev() {
        let mut row = vec![false; width + 1];
        for with in (0..=width).rev() {
            let (one, other) = (written.get(at), of_type.get(with));
            row[with] = match (one, other) {
                (None, None) => true,
                (Some(Token::Many), _) => below[with] || (with < width && row[with + 1]),
                (_, Some(Token::Many)) => row[with + 1] || (one.is_some() && below[with]),
                (Some(one), Some(other)) => same(*one, *other) && below[with + 1],
                _ => false,
            };
        }
        below = row;
    }
    below[0]
}

fn same(one: Token, other: Token) -> bool {
    one == other || one == Token::One || other == Token::One
}

/// The six segments of an ARN pattern. Variables may stand for anything.
fn segments(text: &str, wildcards: bool) -> Option<[Vec<Token>; 6]> {
    let syntax = Syntax {
        wildcards,
        variables: true,
    };
    Some(split_pieces(pieces(text, syntax))?.map(tokens))
}

fn tokens(pieces: Vec<Piece>) -> Vec<Token> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend(text.bytes().map(Token::Byte)),
            Piece::One => out.push(Token::One),
            Piece::Many | Piece::Variable { .. } => out.push(Token::Many),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_of_a_type_if_some_arn_is_both() {
        let object = "arn:${Partition}:s3:::${BucketName}/${ObjectName}";
        let key = "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}";
        for (resource, template, expected) in [
            ("*", object, true),
            ("arn:aws:s3:::docs/*", object, true),
            ("arn:aws:s3:::docs*", object, true),
            ("arn:aws:s3:::docs", object, false),
            ("arn:aws:s3:::docs/${aws:username}", object, true),
            ("arn:aws:s3:::${aws:PrincipalTag/home}", object, true),
            ("arn:aws:kms:*:*:key/*", key, true),
            ("arn:aws:kms:eu-west-1:111122223333:key/1234-?", key, true),
            ("arn:aws:kms:*:*:alias/app", key, false),
            ("arn:aws:kms:*:*:a*", key, false),
            ("arn:aws:kms:*:*:?ey/x", key, true),
            ("arn:aws:s3:::docs/key", key, false),
            ("arn:aws:s3*", object, true),
            ("arn:aws:kms:*:*:*", key, true),
        ] {
            assert_eq!(
                overlap(resource, template),
                expected,
                "{resource} {template}"
            );
        }
    }
}
