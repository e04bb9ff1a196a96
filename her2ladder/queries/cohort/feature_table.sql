-- Feature values of patients in one set, long.
--
-- $feature_set  sc-mtop, or the name of an imported set
--
-- patient_id    patient
-- feature       name
-- stain         HE, HER2 or a name of its own; NULL for features of an imported set
-- value         value, NULL where it is missing
-- input_sha256  hash of the patient's values in the set
SELECT v.patient_id, v.feature, v.stain, v.value, i.input_sha256
FROM feature_value AS v JOIN patient_input AS i ON i.patient_id = v.patient_id AND i.feature_set = v.feature_set
LEFT JOIN feature_dictionary AS d ON d.stain = v.stain AND v.feature IN (d.feature, d.stain || '_' || d.feature)
WHERE v.feature_set = $feature_set
ORDER BY v.patient_id, d.stain, d.position, v.feature
