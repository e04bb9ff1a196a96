-- Proportions outside 0..1.
--
-- where  slide and feature
-- found  the value
SELECT concat(slide_id, ' ', feature) AS "where", value::VARCHAR AS found
FROM slide_feature WHERE rule = 'ratio' AND NOT (value BETWEEN 0 AND 1)
ORDER BY ALL
