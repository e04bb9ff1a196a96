-- Slides whose cells file names another patient than table slide does, where that is more than the slide's own name.
--
-- where  slide and stain
-- found  the two patients
SELECT concat(m.slide_id, ' ', m.stain) AS "where", concat('cells file: ', m.patient_id, ', slide: ', s.patient_id) AS found
FROM manifest_current AS m JOIN ladder.base.slide AS s ON s.slide_id = m.slide_id AND s.stain = m.stain
WHERE m.kind = 'cells' AND m.patient_id <> s.patient_id AND s.patient_id <> s.slide_id
ORDER BY ALL
