-- Slide features that the dictionary does not know.
--
-- where  stain
-- found  name and how many rows
SELECT f.stain AS "where", concat(f.feature, ': ', count(*), ' rows') AS found
FROM slide_feature AS f WHERE (f.stain, f.feature) NOT IN (SELECT (stain, feature) FROM feature_dictionary)
GROUP BY f.stain, f.feature
ORDER BY ALL
