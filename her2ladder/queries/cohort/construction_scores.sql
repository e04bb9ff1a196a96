-- Scores that the cuts and the threshold of a score are learned from: its construction patients, out-of-fold or imported.
--
-- $score_name  score
--
-- patient_id   patient
-- cohort       cohort
-- score        toward residual disease
-- residual     1 = residual disease, 0 = pCR, NULL = not known
SELECT s.patient_id, p.cohort, s.score, 1 - p.is_pcr::INTEGER AS residual
FROM score AS s JOIN patient AS p ON p.patient_id = s.patient_id
WHERE s.score_name = $score_name AND s.kind IN ('out_of_fold', 'imported') AND s.score IS NOT NULL
  AND p.cohort_role = 'construction' AND p.excluded_reason IS NULL
ORDER BY s.patient_id
