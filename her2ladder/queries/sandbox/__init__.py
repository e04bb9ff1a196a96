"""User SQL, run read-only in a process of its own that can touch nothing but the store."""
