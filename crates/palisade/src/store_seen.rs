//! How far the vault has seen the store: `DIR/vault/store-seen` holds a position of the journal.
//!
//! What the store does not name is overwritten in the vault at the start. A store that is empty, or an older copy, names too little:
//! the folder was not mounted, or moved, or put back alone. So a store that ends before what was seen of it is not served.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use palisade_store::Store;
use palisade_vault::Keys;

use crate::data_folder::{sync_folder, write_private};

/// The file, in the vault's folder.
const FILE: &str = "store-seen";

/// Refuses a store that is behind what the vault has seen.
///
/// # Errors
/// When it is behind; when it is empty and the vault holds materials; when the file is damaged.
pub fn check(vault: &Path, store: &Store, keys: &Keys) -> anyhow::Result<()> {
    let (path, head) = (vault.join(FILE), store.head().position.0);
    ensure!(
        head > 0 || keys.materials() == 0,
        "the store is empty, and the vault holds {} key materials, which would be destroyed: nothing is served, nothing was changed; put the store back, or move {} away if they shall be given up",
        keys.materials(),
        vault.display()
    );
    let Some(seen) = read(&path)? else {
        return Ok(());
    };
    ensure!(
        head >= seen,
        "the store ends at position {head}, and the vault has seen position {seen}: this is an older copy, and key materials made since would be destroyed; nothing is served, nothing was changed; put the newer store back, or remove {} if they shall be given up",
        path.display()
    );
    Ok(())
}

/// Notes how far the store is on disk. Ends when it is stopped.
pub async fn keep(vault: PathBuf, store: Store, interval: Duration) {
    let mut noted = None;
    loop {
        let head = store.head().position.0;
        if noted != Some(head) {
            match note(&vault, &store).await {
                Ok(()) => noted = Some(head),
                Err(error) => {
                    tracing::warn!(
                        "how far the store is could not be noted in the vault: {error:#}"
                    );
                }
            }
        }
        tokio::time::sleep(interval).await;
    }
}

/// Forgets what was seen: the state is given up.
///
/// # Errors
/// When the file cannot be removed.
pub fn forget(vault: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(vault.join(FILE)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Only what is on disk counts as seen: after a power failure the store may end there.
async fn note(vault: &Path, store: &Store) -> anyhow::Result<()> {
    let head = store.head().position.0;
    store.flush().await?;
    let (path, new) = (vault.join(FILE), vault.join("store-seen.new"));
    let _ = std::fs::remove_file(&new);
    write_private(&new, format!("{head}\n").as_bytes())?;
    std::fs::rename(&new, &path)?;
    sync_folder(&path)
}

fn read(path: &Path) -> anyhow::Result<Option<u64>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    match text.trim_end().parse() {
        Ok(position) => Ok(Some(position)),
        Err(_) => bail!("{} is damaged: it holds a position", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use palisade_core::keys::{KeyVault as _, Place};
    use palisade_core::{AccountId, OsRandom, Region};
    use palisade_keyring::spec::KeySpec;
    use palisade_keyring::{Material, MaterialId, Root};
    use palisade_store::{Durability, Fact, Options, SystemClock, Table};
    use palisade_vault::files;

    use super::*;

    static ROWS: Table<(String,), ()> = Table::new("test.rows");

    fn keys() -> Keys {
        let root = Root::generate(&mut OsRandom);
        let slots = files::in_memory().unwrap();
        Keys::open(slots, vec![root], Arc::new(SystemClock), &mut OsRandom).unwrap()
    }

    async fn written(rows: &[&str]) -> Store {
        let store = Store::open_memory(Options::default()).unwrap();
        for row in rows {
            let mut tx = store.begin().unwrap();
            tx.put(&ROWS, &(*row,), &()).unwrap();
            store
                .commit(tx, Fact::default(), Durability::Durable)
                .await
                .unwrap();
        }
        store
    }

    #[tokio::test]
    async fn a_store_behind_what_was_seen_is_refused() {
        let vault = tempfile::tempdir().unwrap();
        let (vault, keys) = (vault.path(), keys());
        let (older, newer) = (written(&["a"]).await, written(&["a", "b"]).await);
        assert!(check(vault, &older, &keys).is_ok(), "nothing was seen yet");
        note(vault, &newer).await.unwrap();
        assert!(check(vault, &newer, &keys).is_ok());
        let refused = check(vault, &older, &keys).unwrap_err().to_string();
        assert!(refused.contains("older copy"), "{refused}");
        forget(vault).unwrap();
        assert!(check(vault, &older, &keys).is_ok());
    }

    #[tokio::test]
    async fn an_empty_store_is_refused_by_a_vault_with_materials() {
        let vault = tempfile::tempdir().unwrap();
        let (empty, keys) = (written(&[]).await, keys());
        assert!(check(vault.path(), &empty, &keys).is_ok());
        let account = AccountId::new("111122223333").unwrap();
        let place = Place::new(&account, &Region::us_east_1(), None);
        let material = Material::generate(KeySpec::Hmac256, &mut OsRandom).unwrap();
        let id = MaterialId::of("key", &[7]);
        keys.store(&place, id, material, &mut OsRandom).unwrap();
        let refused = check(vault.path(), &empty, &keys).unwrap_err().to_string();
        assert!(refused.contains("empty"), "{refused}");
    }
}
