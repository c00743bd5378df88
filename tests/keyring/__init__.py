"""The keyring against other libraries. A package, so that none of that name elsewhere is taken for it."""
