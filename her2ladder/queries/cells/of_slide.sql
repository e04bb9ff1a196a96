-- Every cell of one slide, by number: what a map or an export draws.
--
-- $slide_id   slide
-- $stain      stain
--
-- cell_id     number within the slide
-- source_id   the cell's own name in the source
-- cell_class  class
-- class_prob  probability of the class
-- x_um, y_um  centroid, micrometres
-- area_um2    area inside the outline, square micrometres
SELECT cell_id, source_id, cell_class, class_prob, x_um, y_um, area_um2
FROM cell WHERE slide_id = $slide_id AND stain = $stain
ORDER BY cell_id
