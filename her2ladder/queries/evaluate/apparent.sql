-- In-sample scores of the patients that a model was trained on; never mixed with the others.
--
-- $score_name  score
--
-- patient_id   patient
-- score        toward residual disease
SELECT patient_id, score FROM score WHERE score_name = $score_name AND kind = 'apparent' ORDER BY patient_id
