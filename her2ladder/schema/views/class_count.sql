-- Cells of each class on each slide, as counted when the slide's file was written: no cell is read. area_um2 is their mean area inside the outline.
SELECT m.slide_id, m.patient_id, m.stain, c.cell_class, c.n_cells, c.n_outlined,
  CASE WHEN c.n_outlined > 0 THEN c.area_um2 END AS area_um2
FROM (
  SELECT slide_id, patient_id, stain,
    unnest(from_json(class_counts, '[{"cell_class": "VARCHAR", "n_cells": "BIGINT", "n_outlined": "BIGINT", "area_um2": "DOUBLE"}]')) AS c
  FROM manifest_current WHERE kind = 'cells'
) AS m
