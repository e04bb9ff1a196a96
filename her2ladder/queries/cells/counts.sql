-- How many cells of each class each stain has, and their mean area; from what was counted at ingest, so at any size at once.
--
-- stain        stain
-- cell_class   class
-- n_cells      cells
-- area_um2     mean area inside the outline, square micrometres; NULL without outlines
SELECT stain, cell_class, sum(n_cells)::BIGINT AS n_cells, sum(area_um2 * n_outlined) / nullif(sum(n_outlined), 0) AS area_um2
FROM class_count GROUP BY stain, cell_class
ORDER BY stain, n_cells DESC, cell_class
