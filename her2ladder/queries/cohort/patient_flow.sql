-- Patient flow of each cohort: how many were enrolled, how many left out and why, how many are analysed.
--
-- $cohorts  names or roles of cohorts; an empty list means all
-- $setting  neoadjuvant or adjuvant; NULL means both (a patient without a setting is in both)
--
-- cohort       cohort
-- cohort_role  what the cohort is for
-- step         enrolled, excluded or analysed
-- reason       why patients were excluded; NULL for the other steps
-- n            patients
WITH enrolled AS (
  SELECT cohort, cohort_role, excluded_reason FROM patient
  WHERE cohort IS NOT NULL
    AND (len($cohorts) = 0 OR list_contains($cohorts, cohort) OR list_contains($cohorts, cohort_role))
    AND ($setting IS NULL OR setting IS NULL OR setting = $setting)
), steps AS (
  SELECT cohort, any_value(cohort_role) AS cohort_role, 0 AS place, 'enrolled' AS step, NULL AS reason, count(*) AS n
  FROM enrolled GROUP BY cohort
  UNION ALL
  SELECT cohort, any_value(cohort_role), 1, 'excluded', excluded_reason, count(*)
  FROM enrolled WHERE excluded_reason IS NOT NULL GROUP BY cohort, excluded_reason
  UNION ALL
  SELECT cohort, any_value(cohort_role), 2, 'analysed', NULL, count(*) FILTER (excluded_reason IS NULL)
  FROM enrolled GROUP BY cohort
)
SELECT cohort, cohort_role, step, reason, n FROM steps ORDER BY cohort, place, reason
