-- Pair rows of slides whose cells are not in the store.
--
-- where  slide and stain
-- found  how many rows
SELECT concat(p.slide_id, ' ', p.stain) AS "where", concat(count(*), ' rows') AS found
FROM cell_pair AS p WHERE (p.slide_id, p.stain) NOT IN (SELECT (slide_id, stain) FROM slide)
GROUP BY p.slide_id, p.stain
ORDER BY ALL
