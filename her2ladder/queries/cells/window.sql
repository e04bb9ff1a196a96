-- Cells with their outlines in a square window of a slide.
--
-- $slide_id   slide
-- $stain      stain
-- $x_um       left edge, micrometres
-- $y_um       upper edge, micrometres
-- $size_um    side of the window, micrometres
--
-- cell_id     number within the slide
-- cell_class  class
-- x_um, y_um  centroid, micrometres
-- area_um2    area inside the outline, square micrometres
-- contour     outline: dx, dy, … in quanta from the centroid rounded to whole pixels
-- mpp_x       micrometres per pixel, x
-- mpp_y       micrometres per pixel, y
SELECT cell_id, cell_class, x_um, y_um, area_um2, contour, mpp_x, mpp_y
FROM cell
WHERE slide_id = $slide_id AND stain = $stain
  AND x_um >= $x_um AND x_um < $x_um + $size_um AND y_um >= $y_um AND y_um < $y_um + $size_um
ORDER BY cell_id
