//! Forms: `Action=CreateUser&Version=2010-05-08&Tags.member.1.Key=a`.

mod pairs;
mod read;

pub(crate) use pairs::{Pairs, find, split};
pub(crate) use read::{Dialect, read};
