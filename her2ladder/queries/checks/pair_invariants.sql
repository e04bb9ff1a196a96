-- Cells whose graph values contradict each other: no neighbour <=> alone in its component <=> no edge; shortest <= mean.
--
-- where  slide, pair and cell
-- found  the values
SELECT concat(slide_id, ' ', pair, ' ', cell_id) AS "where",
  concat('Degrees ', degrees, ', Nsubgraph ', n_subgraph, ', edges ', min_edge_um, ' / ', mean_edge_um) AS found
FROM cell_pair
WHERE (degrees = 0) <> (n_subgraph = 1) OR (degrees = 0) <> (min_edge_um IS NULL) OR (min_edge_um IS NULL) <> (mean_edge_um IS NULL)
  OR min_edge_um > mean_edge_um * (1 + 1e-12)
ORDER BY ALL
LIMIT 100
