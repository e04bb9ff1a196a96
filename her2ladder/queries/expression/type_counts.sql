-- Counts of some genes in the cells of one type of one slide; a cell without a row has none of them.
--
-- $slide_id   slide
-- $cell_type  type
-- $genes      genes of its panel
--
-- gene       gene
-- cell_id    cell of the type
-- count      transcripts of the gene in the cell
SELECT e.gene, e.cell_id, e."count"
FROM expression AS e JOIN cell_type AS t ON t.slide_id = e.slide_id AND t.cell_id = e.cell_id
WHERE e.slide_id = $slide_id AND t.slide_id = $slide_id AND t.type = $cell_type AND list_contains($genes, e.gene)
ORDER BY e.gene, e.cell_id
