-- Cells whose centroid is closer to a place than the radius: the columns of cell.
SELECT c.* FROM cell AS c
WHERE c.slide_id = slide AND c.stain = stain AND radius_um > 0
  AND c.x_um BETWEEN x_um - radius_um AND x_um + radius_um AND c.y_um BETWEEN y_um - radius_um AND y_um + radius_um
  AND (c.x_um - x_um) * (c.x_um - x_um) + (c.y_um - y_um) * (c.y_um - y_um) < radius_um * radius_um
