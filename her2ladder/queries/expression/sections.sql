-- In-situ sections whose cells have a type, with their patient.
--
-- slide_id    slide
-- patient_id  patient
-- has_counts  whether its counts of genes are in the store
SELECT DISTINCT s.slide_id, s.patient_id, e.slide_id IS NOT NULL AS has_counts
FROM slide AS s
JOIN manifest_current AS m ON m.kind = 'cell_types' AND m.slide_id = s.slide_id AND m.stain = s.stain
LEFT JOIN manifest_current AS e ON e.kind = 'expression' AND e.slide_id = s.slide_id AND e.stain = s.stain
WHERE s.stain = 'Xenium' ORDER BY s.slide_id
