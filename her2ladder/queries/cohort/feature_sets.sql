-- Which features patients have, by set, and what the dictionary says of them.
--
-- feature_set  sc-mtop, or the name of an imported set
-- feature      name
-- unit         unit of the dictionary; NULL for imported features
-- place        order within the set
-- n            patients with a value
SELECT v.feature_set, v.feature, any_value(d.unit) AS unit,
  row_number() OVER (PARTITION BY v.feature_set ORDER BY any_value(d.stain), any_value(d.position), v.feature) AS place,
  count(v.value) AS n
FROM feature_value AS v LEFT JOIN feature_dictionary AS d ON d.stain = v.stain AND v.feature IN (d.feature, d.stain || '_' || d.feature)
GROUP BY v.feature_set, v.feature
ORDER BY v.feature_set, place
