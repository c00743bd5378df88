//! Generates the types and the operation table of Palisade's own operations.

fn main() {
    palisade_codegen::service("palisade");
}
