-- Tertile cuts of each score: frozen ones where they exist, else those that its construction patients give now (type 7).
WITH frozen AS (
  SELECT * FROM ladder.base.model_band WHERE /*seen*/ true
  QUALIFY row_number() OVER (PARTITION BY score_name ORDER BY run DESC) = 1
), construction AS (
  SELECT score_name, score FROM score JOIN patient_base USING (patient_id)
  WHERE cohort_role = 'construction' AND excluded_reason IS NULL AND kind IN ('out_of_fold', 'imported') AND score IS NOT NULL
), live AS (
  SELECT score_name, quantile_cont(score, 1.0 / 3) AS low_max, quantile_cont(score, 2.0 / 3) AS medium_max, count(*) AS n
  FROM construction WHERE score_name NOT IN (SELECT score_name FROM frozen) GROUP BY score_name
)
SELECT score_name, low_max, medium_max, threshold, rule, n, cohort, true AS is_frozen, run FROM frozen
UNION ALL
SELECT score_name, low_max, medium_max, NULL, 'not frozen yet: tertiles of the construction patients, quantile type 7', n, NULL, false, NULL
FROM live WHERE low_max < medium_max
