//! How long it takes to read each embedded model: `cargo run --release -p palisade-model --example parse_time`.

use std::time::Instant;

fn main() {
    let started = Instant::now();
    let services = palisade_model::catalog::services();
    println!(
        "{} services' metadata: {:?}",
        services.len(),
        started.elapsed()
    );
    for service in services {
        let started = Instant::now();
        let model = service.model();
        let (operations, shapes) = (model.operations().len(), model.shapes().len());
        println!(
            "{:18} {operations:4} operations {shapes:5} shapes {:8.2?}",
            service.name,
            started.elapsed()
        );
    }
}
