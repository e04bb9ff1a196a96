-- How many cells of each class a slide has: what its proportions are made of.
--
-- Reads the relation cells_in (cls: number of the class in canonical order, negative = Other), which the caller registers.
--
-- cls      number of the class; -1 = Other
-- n_cells  its cells
SELECT greatest(cls, -1) AS cls, count(*) AS n_cells
FROM cells_in
GROUP BY ALL
ORDER BY cls
