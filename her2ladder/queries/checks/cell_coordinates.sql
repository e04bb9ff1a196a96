-- Cells without a finite place.
--
-- where  slide, stain and cell
-- found  the coordinates
SELECT concat(slide_id, ' ', stain, ' ', cell_id) AS "where", concat(x_um, ', ', y_um) AS found
FROM cell WHERE NOT (isfinite(x_um) AND isfinite(y_um))
ORDER BY ALL
