-- What the four sc-MTOP values of every cell in every pair of classes are.
--
-- Reads relations that the caller registers: cells_in (cell_id, cls, x_um, y_um), nearest_in and edges_in (the rows of features/nearest_cells
-- and features/pair_edges), and components_in (cell_id, other_cls, n_subgraph): the size of the component of each cell that has an edge to
-- other_cls, which SQL does not find by itself. A cell that stands in no edge has one row all the same: alone, degree 0, no lengths.
--
-- $n_classes  number of classes
--
-- first_cls, second_cls  numbers of the pair's classes in canonical order, first <= second
-- cell_id       cell of either class
-- is_first      whether the cell is of the first-named class
-- n_subgraph    Nsubgraph: cells of both classes in the cell's component, itself included
-- degrees       Degrees: distinct neighbours
-- min_edge_um   minEdgeLength: shortest of the cell's own list, micrometres; NULL where it is empty
-- mean_edge_um  meanEdgeLength: the sum in ascending (distance, id) over the number, micrometres; NULL likewise
WITH membership AS (  -- each cell once for each class it may be joined to
  SELECT cell_id, cls, c.other_cls
  FROM cells_in, (SELECT unnest(range($n_classes::BIGINT))::SMALLINT AS other_cls) AS c
  WHERE cls >= 0
),
own_list AS (  -- each list that is not empty
  SELECT cell_id, target_cls AS other_cls, min(length_um) AS min_edge_um, list_sum(list_sort(list(length_um))) / count(*) AS mean_edge_um
  FROM nearest_in
  GROUP BY ALL
),
edge_end AS (  -- each edge seen from both ends
  SELECT first_id AS cell_id, second_cls AS other_cls FROM edges_in
  UNION ALL
  SELECT second_id, first_cls FROM edges_in
),
degree AS (  -- each cell that has an edge
  SELECT cell_id, other_cls, count(*) AS degrees FROM edge_end GROUP BY ALL
)
SELECT
  least(m.cls, m.other_cls) AS first_cls,
  greatest(m.cls, m.other_cls) AS second_cls,
  m.cell_id,
  m.cls <= m.other_cls AS is_first,
  coalesce(c.n_subgraph, 1)::INTEGER AS n_subgraph,
  coalesce(d.degrees, 0)::INTEGER AS degrees,
  l.min_edge_um,
  l.mean_edge_um
FROM membership AS m
LEFT JOIN own_list AS l USING (cell_id, other_cls)
LEFT JOIN degree AS d USING (cell_id, other_cls)
LEFT JOIN components_in AS c USING (cell_id, other_cls)
ORDER BY first_cls, second_cls, m.cell_id
