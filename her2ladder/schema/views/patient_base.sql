-- Patients with what the newest clinical table says of them; a patient known only from slides has no cohort.
-- A slide's name that stood for its patient is none any more once the slide was read with its patient's own.
WITH newest AS (
  SELECT * FROM ladder.base.patient_clinical WHERE /*seen*/ true
  QUALIFY row_number() OVER (PARTITION BY patient_id ORDER BY run DESC) = 1
), cells AS (SELECT slide_id, stain, patient_id FROM manifest_current WHERE kind = 'cells'
), left_behind AS (
  SELECT s.patient_id FROM ladder.base.slide AS s JOIN cells AS m ON m.slide_id = s.slide_id AND m.stain = s.stain
  WHERE s.patient_id = s.slide_id AND m.patient_id <> s.patient_id
  EXCEPT SELECT patient_id FROM cells
)
SELECT p.patient_id, c.* EXCLUDE (patient_id, run), coalesce(c.run, p.run) AS run
FROM (SELECT * FROM ladder.base.patient WHERE /*seen*/ true) AS p LEFT JOIN newest AS c ON c.patient_id = p.patient_id
WHERE c.patient_id IS NOT NULL OR p.patient_id NOT IN (SELECT patient_id FROM left_behind)
