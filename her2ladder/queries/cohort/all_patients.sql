-- Every patient of the store with the clinical columns, whatever the cohort.
--
-- patient_id   patient; further columns as in view patient
SELECT * FROM patient ORDER BY patient_id
