"""What `benches/run` measures, and with what."""
