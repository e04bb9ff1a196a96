-- Feature values of slides under every rule: the newest of each slide, feature and rule, from the cells that hold now.
SELECT f.slide_id, s.patient_id, f.stain, f.feature, f.rule, f.value, f.n_cells, f.parameters, f.cells_sha256, f.run
FROM (
  SELECT * FROM ladder.base.slide_feature WHERE /*seen*/ true
  QUALIFY max(run) OVER (PARTITION BY slide_id, stain) = run
) AS f
JOIN manifest_current AS s ON s.kind = 'cells' AND s.slide_id = f.slide_id AND s.stain = f.stain AND s.sha256 = f.cells_sha256
