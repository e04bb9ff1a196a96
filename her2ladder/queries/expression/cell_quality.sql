-- What quality control looks at, cell by cell of one slide.
--
-- $slide_id  slide
--
-- cell_id        cell of the slide
-- n_counts       transcripts of genes
-- n_genes        genes with at least one transcript; NULL without a matrix
-- n_control      counts of control probes and codewords
-- cell_area_um2  area of the cell, square micrometres
SELECT cell_id, n_counts, n_genes, n_control, cell_area_um2 FROM cell_count WHERE slide_id = $slide_id ORDER BY cell_id
