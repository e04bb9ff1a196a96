-- Patients of an analysis with their clinical columns: those of the cohorts asked for, none that is left out of analyses.
--
-- $cohorts  names or roles of cohorts; an empty list means all
-- $setting  neoadjuvant or adjuvant; NULL means both (a patient without a setting is in both)
--
-- patient_id   patient
-- cohort       cohort; further columns as in view patient
SELECT * FROM patient
WHERE excluded_reason IS NULL AND cohort IS NOT NULL
  AND (len($cohorts) = 0 OR list_contains($cohorts, cohort) OR list_contains($cohorts, cohort_role))
  AND ($setting IS NULL OR setting IS NULL OR setting = $setting)
ORDER BY patient_id
