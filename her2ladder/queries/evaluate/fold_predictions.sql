-- Out-of-fold scores of the newest training under a name, of the vote and of each candidate.
--
-- $score_name  score
--
-- patient_id   patient
-- member       candidate, or ensemble
-- repeat       repeat of the outer folds, from 0
-- score        toward residual disease
SELECT patient_id, member, repeat, score FROM fold_prediction
WHERE score_name = $score_name
QUALIFY max(run) OVER () = run
ORDER BY member, patient_id, repeat
