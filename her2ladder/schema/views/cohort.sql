-- Cohorts with their role and how many patients are enrolled, excluded and analysed.
SELECT cohort, any_value(cohort_role) AS cohort_role, count(*) AS n_enrolled, count(excluded_reason) AS n_excluded,
  count(*) - count(excluded_reason) AS n_analysed
FROM patient_base WHERE cohort IS NOT NULL GROUP BY cohort
