-- The counts of one gene in every cell of one in-situ section, and where the cells lie: what a map of the gene draws.
--
-- $slide_id   slide
-- $gene       gene of its panel
--
-- cell_id     number within the slide
-- cell_class  class
-- x_um, y_um  centroid, micrometres
-- count       transcripts of the gene; 0 where it was not seen
SELECT c.cell_id, c.cell_class, c.x_um, c.y_um, coalesce(e."count", 0) AS "count"
FROM cell AS c
LEFT JOIN (SELECT cell_id, "count" FROM expression WHERE slide_id = $slide_id AND gene = $gene) AS e ON e.cell_id = c.cell_id
WHERE c.slide_id = $slide_id AND c.stain = 'Xenium'
ORDER BY c.cell_id
