-- Cells whose class is not in the vocabulary of their stain (Other is in every one).
--
-- where  stain
-- found  class and how many cells
SELECT c.stain AS "where", concat(c.cell_class, ': ', c.n, ' cells') AS found
FROM (SELECT stain, cell_class, count(*) AS n FROM cell GROUP BY stain, cell_class) AS c
WHERE c.cell_class <> 'Other' AND (c.stain, c.cell_class) NOT IN (SELECT (stain, cell_class) FROM vocabulary)
ORDER BY ALL
