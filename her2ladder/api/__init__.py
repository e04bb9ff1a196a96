"""How is a study asked from Python? The same functions that the commands call, their options as keywords (design section 10)."""
