-- Cells of each class in the regions of each class, and how many there are on a square millimetre.
--
-- slide_id      slide
-- stain         stain
-- region_class  class of the regions
-- cell_class    class of the cells
-- n_cells       cells
-- area_mm2      area of the regions, square millimetres; of one class that overlap, each counts its own
-- per_mm2       n_cells / area_mm2
WITH area AS (
  SELECT slide_id, stain, region_class, sum(area_um2) / 1e6 AS area_mm2 FROM region GROUP BY ALL
), counted AS (
  SELECT r.slide_id, r.stain, r.region_class, c.cell_class, count(DISTINCT c.cell_id) AS n_cells
  FROM cell_region AS r JOIN cell AS c ON c.slide_id = r.slide_id AND c.stain = r.stain AND c.cell_id = r.cell_id
  GROUP BY ALL
)
SELECT slide_id, stain, region_class, cell_class, n_cells, area_mm2, n_cells / area_mm2 AS per_mm2
FROM counted JOIN area USING (slide_id, stain, region_class)
ORDER BY ALL
