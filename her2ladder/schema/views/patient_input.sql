-- A hash of each patient's features in each set: a score names the one it was computed from, so that a stale score can be told.
SELECT patient_id, feature_set,
  sha256(string_agg(concat(coalesce(stain, ''), '|', feature, '=', coalesce(value::VARCHAR, '')), chr(10) ORDER BY stain, feature)) AS input_sha256
FROM feature_value GROUP BY patient_id, feature_set
