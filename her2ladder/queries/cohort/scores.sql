-- The current score and band of every patient under one score.
--
-- $score_name  score
--
-- patient_id   patient
-- score        toward residual disease
-- band         Low, Medium or High
-- kind         out_of_fold, final or imported
SELECT patient_id, score, band, kind FROM score_current WHERE score_name = $score_name ORDER BY patient_id
