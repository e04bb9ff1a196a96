-- The genes of one slide's panel.
--
-- $slide_id  slide
--
-- gene         gene
-- n_cells      cells with at least one transcript of it
-- total_count  transcripts in all cells
SELECT gene, n_cells, total_count FROM gene WHERE slide_id = $slide_id ORDER BY gene
