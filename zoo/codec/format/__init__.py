"""The files that the codec reads and writes, byte by byte as ``FORMAT.md`` has them; no model is known here."""
