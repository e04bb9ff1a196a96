"""The HER2-LADDER model: nested training in which all that learns sees training patients alone, saving, scoring and explaining."""
