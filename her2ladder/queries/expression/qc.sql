-- Cells of each in-situ section that quality control keeps, and why it would drop the others (a cell may fail in several ways).
--
-- $min_counts         fewest transcripts of a cell
-- $min_genes          fewest genes of a cell
-- $max_control_share  largest share of control counts
-- $min_area_um2       smallest area of a cell, square micrometres
--
-- slide_id         slide
-- patient_id       patient
-- n_cells          cells
-- n_kept           cells that pass everything
-- n_few_counts     cells with too few transcripts
-- n_few_genes      cells with too few genes
-- n_controls       cells with too large a share of control counts
-- n_small          cells with too small an area
-- median_counts    median transcripts of a cell
-- median_genes     median genes of a cell
WITH judged AS (  -- a cell; what its source does not tell is not held against it
  SELECT slide_id, n_counts, n_genes,
    coalesce(n_counts, 0) < $min_counts AS few_counts,
    coalesce(n_genes < $min_genes, false) AS few_genes,
    coalesce(n_control, 0) > $max_control_share * greatest(coalesce(n_counts, 0) + coalesce(n_control, 0), 1) AS controls,
    coalesce(cell_area_um2 < $min_area_um2, false) AS small
  FROM cell_count
)
SELECT s.slide_id, s.patient_id, count(*) AS n_cells,
  count(*) FILTER (NOT few_counts AND NOT few_genes AND NOT controls AND NOT small) AS n_kept,
  count(*) FILTER (few_counts) AS n_few_counts, count(*) FILTER (few_genes) AS n_few_genes,
  count(*) FILTER (controls) AS n_controls, count(*) FILTER (small) AS n_small,
  median(n_counts) AS median_counts, median(n_genes) AS median_genes
FROM judged JOIN slide AS s ON s.slide_id = judged.slide_id AND s.stain = 'Xenium'
GROUP BY s.slide_id, s.patient_id ORDER BY s.slide_id
