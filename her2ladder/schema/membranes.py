"""What membrane numbers mean, in SQL: the macro that makes the five HER2 classes of them. Everything that classes a cell uses it."""

from __future__ import annotations

NAME = "her2_class"
MACRO = """CREATE MACRO her2_class(completeness, od, factor, null_completeness, complete, strong_od) AS CASE
  WHEN completeness IS NULL THEN NULL
  WHEN completeness < null_completeness::FLOAT OR od IS NULL THEN 'HER2null'
  ELSE concat(
    'HER2', CASE WHEN od::DOUBLE >= strong_od * coalesce(factor, 1) THEN 'strong' ELSE 'weak' END,
    '_', CASE WHEN completeness >= complete::FLOAT THEN 'complete' ELSE 'incomplete' END)
END"""
"""completeness is a FLOAT in the lake: thresholds are rounded likewise, so that 0.8 is 0.8. The same as MembraneCells.classes."""
