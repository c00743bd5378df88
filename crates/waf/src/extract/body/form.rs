//! `application/x-www-form-urlencoded`, and query strings.

use crate::extract::Place;
use crate::extract::pairs::arguments;
use crate::extract::places::Places;

/// Names and values, decoded. Where `;` stands in a value, what some backends take for another argument is a value too.
pub(in crate::extract) fn read<'b>(text: &'b [u8], places: &mut Places<'b>) {
    for (name, value) in arguments(text) {
        places.push(places.decoded(name), Place::Key(name));
        places.push(places.decoded(value), Place::Value(name));
        if memchr::memchr(b';', value).is_some() {
            for piece in value.split(|&byte| byte == b';') {
                let at = memchr::memchr(b'=', piece).map_or(0, |at| at + 1);
                places.push(places.decoded(&piece[at..]), Place::Value(name));
            }
        }
    }
}
