//! What Terraform does outside Palisade: it writes its state. A local one is turned aside, a remote one is refused.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tokio::process::Command;

/// Makes `apply` and `destroy` write their state to a scratch file, behind whatever arguments the environment already gives.
pub fn keep_state_apart(command: &mut Command, scratch: &Path) {
    for action in ["apply", "destroy"] {
        let name = format!("TF_CLI_ARGS_{action}");
        let given = std::env::var(&name).unwrap_or_default();
        let state = scratch.join("terraform.tfstate");
        command.env(
            name,
            format!("{given} -state-out={}", state.display()).trim_start(),
        );
    }
}

/// Refuses a Terraform run whose state is kept by a backend: `-state-out` does not reach those.
pub fn refuse_remote_backend(command: &[String]) -> anyhow::Result<()> {
    let program = Path::new(&command[0])
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if program != "terraform" && program != "tofu" {
        return Ok(());
    }
    let folder = command
        .iter()
        .find_map(|a| a.strip_prefix("-chdir="))
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let backend = match recorded_backend(&folder)? {
        Some(recorded) => Some(recorded),
        None => declared_backend(&folder)?,
    };
    ensure!(
        backend.is_none(),
        "Terraform keeps this state in the backend {}, which the branch does not reach: --outside-effects runs it all the same",
        backend.unwrap_or_default()
    );
    Ok(())
}

/// The backend that `terraform init` recorded for a folder; `None` for local state.
fn recorded_backend(folder: &Path) -> anyhow::Result<Option<String>> {
    let data =
        std::env::var_os("TF_DATA_DIR").map_or_else(|| folder.join(".terraform"), PathBuf::from);
    let path = data.join("terraform.tfstate");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let recorded: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let kind = recorded["backend"]["type"]
        .as_str()
        .filter(|kind| *kind != "local");
    Ok(kind.map(str::to_owned))
}

/// The backend that the configuration declares: a `backend` block of another kind than `local`, or a `cloud` block. Read line by
/// line, not parsed: what looks like one and is none costs the user one flag.
fn declared_backend(folder: &Path) -> anyhow::Result<Option<String>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(None);
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "tf") {
            continue;
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        if let Some(found) = text.lines().find_map(declared_in) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn declared_in(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix("backend ") {
        let kind = rest.trim_start().strip_prefix('"')?.split('"').next()?;
        return (kind != "local").then(|| kind.to_owned());
    }
    let is_cloud = line
        .strip_prefix("cloud")
        .is_some_and(|rest| rest.trim_start().starts_with('{'));
    is_cloud.then(|| "cloud".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_remote_backend_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join(".terraform");
        assert_eq!(recorded_backend(dir.path()).unwrap(), None);
        std::fs::create_dir(&data).unwrap();
        std::fs::write(
            data.join("terraform.tfstate"),
            r#"{"backend":{"type":"s3","config":{}}}"#,
        )
        .unwrap();
        assert_eq!(recorded_backend(dir.path()).unwrap().as_deref(), Some("s3"));
        std::fs::write(
            data.join("terraform.tfstate"),
            r#"{"backend":{"type":"local"}}"#,
        )
        .unwrap();
        assert_eq!(recorded_backend(dir.path()).unwrap(), None);
    }

    #[test]
    fn a_declared_remote_backend_is_seen() {
        assert_eq!(declared_in("  backend \"s3\" {").as_deref(), Some("s3"));
        assert_eq!(declared_in("  cloud {").as_deref(), Some("cloud"));
        assert_eq!(declared_in("  backend \"local\" {}"), None);
        assert_eq!(declared_in("# backend \"s3\""), None);
    }

    #[test]
    fn other_programs_are_let_through() {
        assert!(refuse_remote_backend(&["aws".into(), "iam".into()]).is_ok());
    }
}
