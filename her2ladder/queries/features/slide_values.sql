-- What one slide's values of each pair and family are made of: exact totals and middle values of each group of cells.
--
-- Reads the relation profiles_in, the rows of features/pair_profiles, which the caller registers. From a row here follow the mean, total / n_cells
-- (lengths: / units_per_um too), and the median, (lower + upper) / 2. Totals are whole numbers, lengths rounded down to a unit, so that no order
-- of rows can change them. An empty list's edge counts as the radius or is skipped.
--
-- $radius_um     radius that the graphs were made with, micrometres
-- $units_per_um  a power of two: lengths are summed in this part of a micrometre
--
-- first_cls, second_cls  numbers of the pair's classes in canonical order
-- family      Nsubgraph, minEdgeLength, meanEdgeLength or Degrees
-- cells       first, second or both: whose cells; a self pair has first only
-- empty_is    radius or skip: what an empty list's edge counts as; families that are never empty have radius only
-- n_cells     cells in the group
-- total       sum over them: cells, or units of 1 / units_per_um
-- lower, upper  the two middle values, ascending, the same one where n_cells is odd: cells, or um
WITH value_row AS (  -- each value of each cell, by family
  SELECT first_cls, second_cls, is_first, 'Nsubgraph' AS family, n_subgraph::DOUBLE AS value FROM profiles_in
  UNION ALL
  SELECT first_cls, second_cls, is_first, 'minEdgeLength', min_edge_um FROM profiles_in
  UNION ALL
  SELECT first_cls, second_cls, is_first, 'meanEdgeLength', mean_edge_um FROM profiles_in
  UNION ALL
  SELECT first_cls, second_cls, is_first, 'Degrees', degrees::DOUBLE FROM profiles_in
),
group_row AS (  -- each value once in each group of cells that it belongs to
  SELECT first_cls, second_cls, family, CASE WHEN is_first THEN 'first' ELSE 'second' END AS cells, value FROM value_row
  UNION ALL
  SELECT first_cls, second_cls, family, 'both', value FROM value_row WHERE first_cls <> second_cls
),
counted AS (  -- each value as it counts under each rule for empty lists
  SELECT first_cls, second_cls, family, cells, 'radius' AS empty_is, coalesce(value, $radius_um::DOUBLE) AS value FROM group_row
  UNION ALL
  SELECT first_cls, second_cls, family, cells, 'skip', value FROM group_row WHERE value IS NOT NULL AND family IN ('minEdgeLength', 'meanEdgeLength')
)
SELECT
  first_cls, second_cls, family, cells, empty_is,
  count(*) AS n_cells,
  sum(floor(value * CASE WHEN family IN ('minEdgeLength', 'meanEdgeLength') THEN $units_per_um::DOUBLE ELSE 1.0 END)::HUGEINT) AS total,
  quantile_disc(value, 0.5) AS lower,
  -quantile_disc(-value, 0.5) AS upper
FROM counted
GROUP BY ALL
ORDER BY first_cls, second_cls, family, cells, empty_is
