-- The genes that are on the panel of every in-situ section of the store: the background of pathways.
--
-- gene      gene
-- n_slides  sections whose panel has it
SELECT gene, count(DISTINCT slide_id) AS n_slides FROM gene
GROUP BY gene HAVING count(DISTINCT slide_id) = (SELECT count(DISTINCT slide_id) FROM gene) ORDER BY gene
