//! Stored samples of every format: what was sealed once opens for ever.
//!
//! Each file is JSON; bytes are hexadecimal. They are for whoever reads or writes the formats with another implementation, and for
//! the tests of this one. Files are only ever added.

/// The files: name and text.
pub const FILES: &[(&str, &str)] = &[
    (
        "ciphertext-1.json",
        include_str!("../vectors/ciphertext-1.json"),
    ),
    (
        "hierarchy-1.json",
        include_str!("../vectors/hierarchy-1.json"),
    ),
];
