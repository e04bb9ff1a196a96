-- The typed cells of one in-situ section and where they lie; cells that quality control left out are not among them.
--
-- $slide_id  slide
--
-- cell_id     cell of the slide
-- type        cell type
-- x_um, y_um  centroid, micrometres
SELECT t.cell_id, t.type, c.x_um, c.y_um
FROM cell_type AS t JOIN cell AS c ON c.slide_id = t.slide_id AND c.cell_id = t.cell_id AND c.stain = 'Xenium'
WHERE t.slide_id = $slide_id AND t.type <> 'LowQuality' AND c.slide_id = $slide_id
ORDER BY t.cell_id
