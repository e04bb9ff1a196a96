-- Feature values of patients: sc-MTOP under the default rules, a patient's slides of one stain pooled with cells as weights,
-- and the sets that came from elsewhere. One row a patient, set and feature; a name that two stains share has the stain before it, HE and HER2 apart.
WITH shared AS (
  SELECT feature FROM feature_dictionary GROUP BY feature HAVING count(DISTINCT stain) > 1
), pooled AS (
  SELECT patient_id, feature_set, stain, feature, count(value) AS n_slides, any_value(value) AS only_value, sum(n_cells) AS n_cells,
    list(value * n_cells ORDER BY slide_id) FILTER (value IS NOT NULL) AS weighted,
    sum(n_cells) FILTER (value IS NOT NULL) AS weight, max(run) AS run
  FROM slide_feature WHERE rule IN ('first_mean_radius', 'ratio')
  GROUP BY patient_id, feature_set, stain, feature
)
SELECT patient_id, feature_set, stain,
  CASE WHEN stain NOT IN ('HE', 'HER2') AND feature IN (FROM shared) THEN stain || '_' || feature ELSE feature END AS feature,
  CASE WHEN n_slides <= 1 THEN only_value ELSE list_sum(weighted) / weight END AS value, n_cells, run
FROM pooled
UNION ALL
SELECT patient_id, feature_set, NULL AS stain, feature, value, NULL AS n_cells, run
FROM ladder.base.imported_feature WHERE /*seen*/ true
QUALIFY max(run) OVER (PARTITION BY feature_set, patient_id) = run
