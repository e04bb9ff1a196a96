-- In-situ sections whose cells have a type, with their patient.
--
-- slide_id    slide
-- patient_id  patient
SELECT DISTINCT s.slide_id, s.patient_id
FROM slide AS s JOIN manifest_current AS m ON m.kind = 'cell_types' AND m.slide_id = s.slide_id AND m.stain = s.stain
WHERE s.stain = 'Xenium' ORDER BY s.slide_id
