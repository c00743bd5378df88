//! Generates the service's types and rows from its model and `operations.json`.

fn main() {
    palisade_codegen::service("wafv2");
}
