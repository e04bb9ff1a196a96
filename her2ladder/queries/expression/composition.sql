-- Cells of each type in each patient's in-situ sections; cells that quality control left out are not counted.
--
-- patient_id  patient
-- type        cell type, Unassigned among them
-- n           cells of the type
-- n_counted   of these, cells of sections whose counts of genes are in the store
-- n_all       cells of the patient
SELECT s.patient_id, t.type, count(*) AS n, count(*) FILTER (e.slide_id IS NOT NULL) AS n_counted,
  sum(count(*)) OVER (PARTITION BY s.patient_id) AS n_all
FROM cell_type AS t JOIN slide AS s ON s.slide_id = t.slide_id AND s.stain = 'Xenium'
LEFT JOIN manifest_current AS e ON e.kind = 'expression' AND e.slide_id = s.slide_id AND e.stain = s.stain
WHERE t.type <> 'LowQuality'
GROUP BY s.patient_id, t.type ORDER BY s.patient_id, t.type
