-- Response by score: one row a patient and score, patients left out of analyses not among them.
SELECT p.patient_id, s.score_name, s.score, s.band, p.cohort, p.cohort_role, p.setting, p.regimen, p.is_pcr
FROM patient_base AS p JOIN score_current AS s ON s.patient_id = p.patient_id
WHERE p.excluded_reason IS NULL AND p.is_pcr IS NOT NULL
