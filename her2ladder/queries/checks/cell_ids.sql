-- Slides where a cell id stands twice or is below 0; a gap is none: a record that was left out keeps its number to itself.
--
-- where  slide and stain
-- found  how many cells, how many distinct ids, smallest and largest
SELECT concat(slide_id, ' ', stain) AS "where",
  concat(count(*), ' cells, ', count(DISTINCT cell_id), ' ids from ', min(cell_id), ' to ', max(cell_id)) AS found
FROM cell GROUP BY slide_id, stain
HAVING count(DISTINCT cell_id) <> count(*) OR min(cell_id) < 0
ORDER BY ALL
