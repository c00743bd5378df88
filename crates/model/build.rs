//! Lists the model files and overlays of the repository, so that the catalog embeds each with `include_str!`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> std::io::Result<()> {
    let models =
        Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../models");
    println!("cargo:rerun-if-changed={}", models.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&models)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    // By name, not by file name: `inspector` comes before `inspector-scan`, but `inspector-scan.json` before `inspector.json`.
    files.sort_by(|one, other| one.file_stem().cmp(&other.file_stem()));

    let mut out = String::from("static FILES: &[File] = &[\n");
    for file in files {
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let overlay = models.join("overlay").join(format!("{name}.json"));
        let overlay = if overlay.exists() {
            format!("Some(include_str!({overlay:?}))")
        } else {
            "None".into()
        };
        let _ = writeln!(
            out,
            "File {{ name: {name:?}, model: include_str!({file:?}), overlay: {overlay} }},"
        );
    }
    out.push_str("];\n");
    fs::write(
        PathBuf::from(env::var("OUT_DIR").unwrap_or_default()).join("files.rs"),
        out,
    )
}
