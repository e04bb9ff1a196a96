-- Cells of each class in the squares of a grid: x_um and y_um of the square's upper left corner, cell_class, n. Squares without cells have no row.
SELECT floor(c.x_um / size_um) * size_um AS x_um, floor(c.y_um / size_um) * size_um AS y_um, c.cell_class, count(*) AS n
FROM cell AS c
WHERE c.slide_id = slide AND c.stain = stain AND size_um > 0
GROUP BY ALL
