-- Feature values of slides under every rule: the newest of each slide, set, feature and rule, from the cells that hold now. The set is sc-mtop
-- (the whole slide) or sc-mtop@CLASS (cells within regions of a class, as drawn now).
SELECT f.slide_id, s.patient_id, f.stain, f.feature, f.rule, f.value, f.n_cells, f.parameters,
  coalesce(f.feature_set, 'sc-mtop') AS feature_set, f.cells_sha256, f.run
FROM (
  SELECT * FROM ladder.base.slide_feature WHERE /*seen*/ true
  QUALIFY max(run) OVER (PARTITION BY slide_id, stain, feature_set) = run
) AS f
JOIN manifest_current AS s ON s.kind = 'cells' AND s.slide_id = f.slide_id AND s.stain = f.stain AND s.sha256 = f.cells_sha256
LEFT JOIN manifest_current AS r ON r.kind = 'regions' AND r.slide_id = f.slide_id AND r.stain = f.stain AND r.sha256 = f.regions_sha256
WHERE f.regions_sha256 IS NULL OR r.sha256 IS NOT NULL
