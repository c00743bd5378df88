"""What the end-to-end tests share: the real binary as a process, real clients, a signer whose every part can be bent."""
