-- Values of some features of one set, long.
--
-- $feature_set  sc-mtop, or the name of an imported set
-- $features     names
--
-- patient_id    patient
-- feature       name
-- value         value, NULL where it is missing
SELECT patient_id, feature, value FROM feature_value
WHERE feature_set = $feature_set AND list_contains($features, feature)
ORDER BY patient_id, feature
