//! Generates what the tests are about.

fn main() {
    palisade_codegen::service("iam");
    palisade_codegen::managed_policies();
}
