-- Cohorts whose patients do not agree on the cohort's role.
--
-- where  cohort
-- found  the roles
SELECT cohort AS "where", string_agg(DISTINCT cohort_role, ', ' ORDER BY cohort_role) AS found
FROM patient WHERE cohort IS NOT NULL GROUP BY cohort HAVING count(DISTINCT cohort_role) > 1
ORDER BY ALL
