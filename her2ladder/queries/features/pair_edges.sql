-- Which cells are joined in the graph of each pair of classes: the union of both directions of the lists, each edge once.
--
-- Reads the relation nearest_in, the rows of features/nearest_cells, which the caller registers.
--
-- first_cls, second_cls  numbers of the pair's classes in canonical order, first <= second
-- first_id, second_id    cell_id of the ends, of the first and of the second class; in a self pair the smaller id first
SELECT DISTINCT
  least(cls, target_cls) AS first_cls,
  greatest(cls, target_cls) AS second_cls,
  CASE WHEN cls < target_cls OR (cls = target_cls AND cell_id < neighbour_id) THEN cell_id ELSE neighbour_id END AS first_id,
  CASE WHEN cls < target_cls OR (cls = target_cls AND cell_id < neighbour_id) THEN neighbour_id ELSE cell_id END AS second_id
FROM nearest_in
ORDER BY first_cls, second_cls, first_id, second_id
