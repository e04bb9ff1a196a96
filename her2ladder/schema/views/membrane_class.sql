-- HER2 cells with their membrane's numbers and the class that the thresholds of now make of them; a cell outside of the tumour keeps Other in cell_class.
SELECT c.slide_id, c.patient_id, c.stain, c.cell_id, c.cell_class, c.membrane_completeness, c.membrane_od, c.membrane_mean_od, c.membrane_gap_um,
  c.cytoplasm_od, c.calibration, c.calibration_factor,
  her2_class(c.membrane_completeness, c.membrane_od, c.calibration_factor, t.null_completeness, t.complete, t.strong_od) AS her2_class
FROM cell AS c CROSS JOIN membrane_threshold AS t
WHERE c.membrane_completeness IS NOT NULL
