-- Counts of some genes in the cells of one slide; a cell without a row has none.
--
-- $slide_id  slide
-- $genes     genes of its panel
--
-- gene       gene
-- cell_id    cell of the slide
-- count      transcripts of the gene in the cell
SELECT gene, cell_id, "count" FROM expression WHERE slide_id = $slide_id AND list_contains($genes, gene) ORDER BY gene, cell_id
