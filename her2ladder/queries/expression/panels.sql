-- The genes that are on the panel of each of these in-situ sections: a gene that one panel lacks cannot be compared.
--
-- $slides   sections that are compared
--
-- gene      gene
SELECT gene FROM gene WHERE list_contains($slides, slide_id)
GROUP BY gene HAVING count(DISTINCT slide_id) = len($slides) ORDER BY gene
