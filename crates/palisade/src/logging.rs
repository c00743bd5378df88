//! Logs: text on a terminal, a JSON object a line otherwise. What each level means: docs/operation.md.

use std::io::IsTerminal as _;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

/// Starts logging to stderr. `PALISADE_LOG` sets what is logged, in the syntax of tracing's directives.
pub fn start() -> anyhow::Result<()> {
    let filter = match std::env::var("PALISADE_LOG") {
        Ok(directives) => EnvFilter::try_new(directives).context("PALISADE_LOG")?,
        Err(_) => EnvFilter::new("info,fjall=warn,lsm_tree=warn"),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().init();
    }
    Ok(())
}
