-- Counts of each gene summed over the cells of one type of each patient: what differential expression compares.
--
-- $slides     sections that are compared
--
-- patient_id  patient
-- type        cell type
-- gene        gene
-- count       transcripts in all cells of the type
SELECT s.patient_id, t.type, e.gene, sum(e."count")::BIGINT AS "count"
FROM expression AS e
JOIN cell_type AS t ON t.slide_id = e.slide_id AND t.cell_id = e.cell_id
JOIN slide AS s ON s.slide_id = e.slide_id AND s.stain = 'Xenium'
WHERE list_contains($slides, e.slide_id) AND t.type NOT IN ('LowQuality', 'Unassigned')
GROUP BY s.patient_id, t.type, e.gene ORDER BY s.patient_id, t.type, e.gene
