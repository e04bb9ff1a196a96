-- The one score a patient has: out-of-fold for those the model was trained on, final for others, imported where brought from elsewhere.
WITH chosen AS (
  SELECT * FROM score WHERE kind IN ('out_of_fold', 'final', 'imported')
  QUALIFY row_number() OVER (
    PARTITION BY score_name, patient_id ORDER BY CASE kind WHEN 'out_of_fold' THEN 0 WHEN 'final' THEN 1 ELSE 2 END) = 1
)
SELECT c.patient_id, c.score_name, c.score,
  CASE WHEN c.score IS NULL OR b.low_max IS NULL THEN NULL WHEN c.score <= b.low_max THEN 'Low'
    WHEN c.score <= b.medium_max THEN 'Medium' ELSE 'High' END AS band,
  c.kind, c.raw_score, c.predicts, c.n_imputed, b.is_frozen AS is_band_frozen, c.run
FROM chosen AS c LEFT JOIN score_band AS b ON b.score_name = c.score_name
