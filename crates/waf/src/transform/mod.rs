//! The 31 text transformations and the 5 that are applied to a query string before it is split.
//!
//! Each is a function from bytes to bytes. One that has nothing to change returns its input, so a value that is plain costs
//! one pass and no copy; what is new lives in the arena of the inspection. No output is more than three times its input.
//!
//! Semantics: the AWS WAF developer guide, "Using text transformations in AWS WAF". Where it is silent, ModSecurity's function
//! of the same name (these are its transformations); docs/waf.md lists what was decided.

mod comments;
mod decode;
mod escapes;
mod html;
mod path;
mod query;
mod text;

use bumpalo::Bump;

/// Declares an enum whose variants are named by a string of the wafv2 model, and the way between both.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        // Not every enum of the model is asked both ways.
        #[allow(dead_code)]
        impl $type {
            /// Every variant, in the order of the model.
            pub const ALL: &'static [$type] = &[$($type::$variant,)+];

            /// The name in the wafv2 model.
            pub fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)+
                }
            }

            /// The variant of this name of the wafv2 model.
            pub fn of(name: &str) -> Option<$type> {
                match name {
                    $($name => Some($type::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use named;

named! {
    /// A text transformation (`TextTransformationType`).
    Transformation {
        /// As received.
        None = "NONE",
        /// White space becomes spaces, several spaces one.
        CompressWhiteSpace = "COMPRESS_WHITE_SPACE",
        /// `&lt;`, `&#60;`, `&#x3c;` become `<`.
        HtmlEntityDecode = "HTML_ENTITY_DECODE",
        /// A-Z become a-z.
        Lowercase = "LOWERCASE",
        /// What shells ignore is deleted.
        CmdLine = "CMD_LINE",
        /// `%HH` and `+`.
        UrlDecode = "URL_DECODE",
        /// Base64, if the whole value is.
        Base64Decode = "BASE64_DECODE",
        /// Pairs of hexadecimal digits.
        HexDecode = "HEX_DECODE",
        /// The MD5 hash, 16 bytes.
        Md5 = "MD5",
        /// A C comment becomes a space.
        ReplaceComments = "REPLACE_COMMENTS",
        /// ANSI C escape sequences.
        EscapeSeqDecode = "ESCAPE_SEQ_DECODE",
        /// `0x414243` becomes `ABC`.
        SqlHexDecode = "SQL_HEX_DECODE",
        /// CSS 2 escapes.
        CssDecode = "CSS_DECODE",
        /// JavaScript escapes.
        JsDecode = "JS_DECODE",
        /// `//`, `/./` and `/x/../` are resolved.
        NormalizePath = "NORMALIZE_PATH",
        /// The same after `\` has become `/`.
        NormalizePathWin = "NORMALIZE_PATH_WIN",
        /// NUL bytes are removed.
        RemoveNulls = "REMOVE_NULLS",
        /// NUL bytes become spaces.
        ReplaceNulls = "REPLACE_NULLS",
        /// Base64, ignoring what is not.
        Base64DecodeExt = "BASE64_DECODE_EXT",
        /// `%HH`, `+` and `%uHHHH`.
        UrlDecodeUni = "URL_DECODE_UNI",
        /// UTF-8 sequences become `%uHHHH`.
        Utf8ToUnicode = "UTF8_TO_UNICODE",
        /// White space is removed.
        RemoveWhitespace = "REMOVE_WHITESPACE",
        /// White space is removed from both ends.
        Trim = "TRIM",
        /// White space is removed from the start.
        TrimLeft = "TRIM_LEFT",
        /// White space is removed from the end.
        TrimRight = "TRIM_RIGHT",
        /// `/*`, `*/`, `--` and `#` are removed.
        RemoveCommentsChar = "REMOVE_COMMENTS_CHAR",
        /// a-z become A-Z.
        Uppercase = "UPPERCASE",
        /// What the Windows shell ignores is deleted.
        CmdLineWin = "CMD_LINE_WIN",
        /// What Unix shells ignore is deleted.
        CmdLineUnix = "CMD_LINE_UNIX",
        /// JavaScript escapes, but for those that could be a Windows path.
        JsDecodeExt = "JS_DECODE_EXT",
        /// The SHA-256 hash, 32 bytes.
        Sha256 = "SHA256",
    }
}

named! {
    /// A transformation of the raw query string (`PreParseTextTransformationType`).
    PreParse {
        /// As received.
        None = "NONE",
        /// `%HH` and `+`, which may bring new separators to light.
        UrlDecode = "URL_DECODE",
        /// The same and `%uHHHH`.
        UrlDecodeUni = "URL_DECODE_UNI",
        /// `a=1&b=2&a=3` becomes `a=1,3&b=2`.
        CombineDuplicates = "COMBINE_DUPLICATE_QUERY_ARGS_BY_COMMA",
        /// `;` becomes `&`.
        ReplaceSemicolons = "REPLACE_SEMICOLONS_WITH_AMPERSANDS",
    }
}

impl Transformation {
    /// The value transformed; `input` itself where there is nothing to change.
    pub fn apply<'b>(self, input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
        match self {
            Transformation::None => input,
            Transformation::CompressWhiteSpace => text::compress_white_space(input, arena),
            Transformation::HtmlEntityDecode => html::decode(input, arena),
            Transformation::Lowercase => text::lowercase(input, arena),
            Transformation::Uppercase => text::uppercase(input, arena),
            Transformation::CmdLine => text::cmd_line(input, arena),
            Transformation::CmdLineUnix => text::cmd_line_unix(input, arena),
            Transformation::CmdLineWin => text::cmd_line_win(input, arena),
            Transformation::UrlDecode => decode::url(input, false, arena),
            Transformation::UrlDecodeUni => decode::url(input, true, arena),
            Transformation::Base64Decode => decode::base64(input, arena),
            Transformation::Base64DecodeExt => decode::base64_ext(input, arena),
            Transformation::HexDecode => decode::hex(input, arena),
            Transformation::SqlHexDecode => decode::sql_hex(input, arena),
            Transformation::Md5 => decode::md5(input, arena),
            Transformation::Sha256 => decode::sha256(input, arena),
            Transformation::Utf8ToUnicode => decode::utf8_to_unicode(input, arena),
            Transformation::ReplaceComments => comments::replace(input, arena),
            Transformation::RemoveCommentsChar => comments::remove_characters(input, arena),
            Transformation::EscapeSeqDecode => escapes::ansi_c(input, arena),
            Transformation::CssDecode => escapes::css(input, arena),
            Transformation::JsDecode => escapes::js(input, arena),
            Transformation::JsDecodeExt => escapes::js_ext(input, arena),
            Transformation::NormalizePath => path::normalize(input, arena),
            Transformation::NormalizePathWin => path::normalize_win(input, arena),
            Transformation::RemoveNulls => text::remove_nulls(input, arena),
            Transformation::ReplaceNulls => text::replace_nulls(input, arena),
            Transformation::RemoveWhitespace => text::remove_white_space(input, arena),
            Transformation::Trim => text::trim_left(text::trim_right(input)),
            Transformation::TrimLeft => text::trim_left(input),
            Transformation::TrimRight => text::trim_right(input),
        }
    }
}

impl PreParse {
    /// The query string transformed; `input` itself where there is nothing to change.
    pub fn apply<'b>(self, input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
        match self {
            PreParse::None => input,
            PreParse::UrlDecode => decode::url(input, false, arena),
            PreParse::UrlDecodeUni => decode::url(input, true, arena),
            PreParse::CombineDuplicates => query::combine_duplicates(input, arena),
            PreParse::ReplaceSemicolons => query::replace_semicolons(input, arena),
        }
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that two hexadecimal digits at the start of `bytes` say.
fn hex_pair(bytes: &[u8]) -> Option<u8> {
    Some(hex_digit(*bytes.first()?)? << 4 | hex_digit(*bytes.get(1)?)?)
}

/// The number that four hexadecimal digits at the start of `bytes` say.
fn hex_quad(bytes: &[u8]) -> Option<u32> {
    Some(u32::from(hex_pair(bytes)?) << 8 | u32::from(hex_pair(bytes.get(2..)?)?))
}

/// A code unit as one byte: full-width ASCII (FF01 to FF5E) as its narrow form, everything else as its lower byte.
fn narrow(code: u32) -> u8 {
    match code {
        0xFF01..=0xFF5E => (code - 0xFEE0) as u8,
        _ => (code & 0xFF) as u8,
    }
}

/// White space as C's `isspace` sees it.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0B | 0x0C | b'\r')
}

#[cfg(test)]
mod tests;
