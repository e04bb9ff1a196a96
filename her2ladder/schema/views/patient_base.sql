-- Patients with what the newest clinical table says of them; a patient known only from slides has no cohort.
WITH newest AS (
  SELECT * FROM ladder.base.patient_clinical WHERE /*seen*/ true
  QUALIFY row_number() OVER (PARTITION BY patient_id ORDER BY run DESC) = 1
)
SELECT p.patient_id, c.* EXCLUDE (patient_id, run), coalesce(c.run, p.run) AS run
FROM (SELECT * FROM ladder.base.patient WHERE /*seen*/ true) AS p LEFT JOIN newest AS c ON c.patient_id = p.patient_id
