-- Cells whose centroid lies in a window, x0 <= x < x1 and y0 <= y < y1: the columns of cell.
SELECT c.* FROM cell AS c
WHERE c.slide_id = slide AND c.stain = stain
  AND c.x_um >= x0_um AND c.x_um < x1_um AND c.y_um >= y0_um AND c.y_um < y1_um
