-- Rows that name a run that is not there.
--
-- where  table
-- found  the run
SELECT t.tab AS "where", t.run AS found
FROM (
  SELECT 'manifest' AS tab, run FROM ladder.base.manifest UNION SELECT 'slide_feature', run FROM ladder.base.slide_feature
  UNION SELECT 'score', run FROM ladder.base.score UNION SELECT 'analysis_result', run FROM ladder.base.analysis_result
  UNION SELECT 'patient_clinical', run FROM ladder.base.patient_clinical UNION SELECT 'imported_feature', run FROM ladder.base.imported_feature
) AS t WHERE t.run NOT IN (SELECT run FROM ladder.base.run)
ORDER BY ALL
