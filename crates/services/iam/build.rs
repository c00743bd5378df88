//! Generates the typed requests, answers and rows, and the table of AWS-managed policies.

fn main() {
    palisade_codegen::service("iam");
    palisade_codegen::managed_policies();
}
