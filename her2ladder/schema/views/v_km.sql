-- Survival by score: one row a patient, score and endpoint, times in months.
SELECT p.patient_id, s.score_name, s.score, s.band, p.cohort, p.cohort_role, p.setting, p.regimen, e.endpoint, e.time_months, e.is_event
FROM patient_base AS p JOIN score_current AS s ON s.patient_id = p.patient_id,
  (VALUES ('dfs', p.dfs_months, p.dfs_event), ('os', p.os_months, p.os_event)) AS e(endpoint, time_months, is_event)
WHERE p.excluded_reason IS NULL AND e.time_months IS NOT NULL AND e.is_event IS NOT NULL
