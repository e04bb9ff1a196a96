-- How many cells of each class each stain has, and their mean area.
--
-- stain        stain
-- cell_class   class
-- n_cells      cells
-- area_um2     mean area inside the outline, square micrometres; NULL without outlines
SELECT stain, cell_class, count(*) AS n_cells, avg(area_um2) AS area_um2
FROM cell GROUP BY stain, cell_class
ORDER BY stain, n_cells DESC, cell_class
