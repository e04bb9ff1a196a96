-- Slide features that stand twice under one rule.
--
-- where  slide and stain
-- found  feature, rule and how often
SELECT concat(slide_id, ' ', stain) AS "where", concat(feature, ' ', rule, ' x ', count(*)) AS found
FROM slide_feature GROUP BY slide_id, stain, feature_set, feature, rule HAVING count(*) > 1
ORDER BY ALL
