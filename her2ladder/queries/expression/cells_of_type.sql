-- The cells of one type of one slide, and their transcripts in all.
--
-- $slide_id   slide
-- $cell_type  type
--
-- cell_id   cell
-- n_counts  its transcripts
SELECT t.cell_id, c.n_counts
FROM cell_type AS t JOIN cell_count AS c ON c.slide_id = t.slide_id AND c.cell_id = t.cell_id
WHERE t.slide_id = $slide_id AND t.type = $cell_type AND c.slide_id = $slide_id ORDER BY t.cell_id
