-- Rows that name a run that is not there.
--
-- where  table
-- found  the run
SELECT t.tab AS "where", t.run AS found
FROM (
  SELECT 'store_info' AS tab, run FROM ladder.base.store_info UNION SELECT 'patient_clinical', run FROM ladder.base.patient_clinical
  UNION SELECT 'cohort', run FROM ladder.base.cohort UNION SELECT 'patient', run FROM ladder.base.patient
  UNION SELECT 'slide', run FROM ladder.base.slide UNION SELECT 'manifest', run FROM ladder.base.manifest
  UNION SELECT 'vocabulary', run FROM ladder.base.vocabulary UNION SELECT 'feature_dictionary', run FROM ladder.base.feature_dictionary
  UNION SELECT 'label_map', run FROM ladder.base.label_map UNION SELECT 'slide_feature', run FROM ladder.base.slide_feature
  UNION SELECT 'model', run FROM ladder.base.model UNION SELECT 'imported_feature', run FROM ladder.base.imported_feature
  UNION SELECT 'score', run FROM ladder.base.score UNION SELECT 'model_band', run FROM ladder.base.model_band
  UNION SELECT 'quarantine', run FROM ladder.base.quarantine UNION SELECT 'fold_prediction', run FROM ladder.base.fold_prediction
  UNION SELECT 'analysis_result', run FROM ladder.base.analysis_result UNION SELECT 'tile_quality', run FROM ladder.base.tile_quality
  UNION SELECT 'membrane_threshold', run FROM ladder.base.membrane_threshold
  UNION SELECT 'calibration_control', run FROM ladder.base.calibration_control
) AS t WHERE t.run NOT IN (SELECT run FROM ladder.base.run)
ORDER BY ALL
