-- Pairs of cells closer than the radius, seen from the cells of one class: from_id, to_id, distance_um. No cell is its own neighbour; NULL stands for any class.
WITH placed AS (  -- each cell in its square of a grid a hair wider than the radius
  SELECT c.cell_id, c.cell_class, c.x_um AS x, c.y_um AS y,
    floor(c.x_um / (radius_um * 1.000001))::BIGINT AS column_, floor(c.y_um / (radius_um * 1.000001))::BIGINT AS row_
  FROM cell AS c
  WHERE c.slide_id = slide AND c.stain = stain AND radius_um > 0
    AND (from_class IS NULL OR to_class IS NULL OR c.cell_class IN (from_class, to_class))
), reach AS (  -- each from-cell once for each of the nine squares around it
  SELECT cell_id, x, y, column_ + i AS column_, row_ + j AS row_
  FROM placed, (VALUES (-1), (0), (1)) AS across(i), (VALUES (-1), (0), (1)) AS down(j)
  WHERE from_class IS NULL OR cell_class = from_class
)
SELECT a.cell_id AS from_id, b.cell_id AS to_id, sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y)) AS distance_um
FROM reach AS a JOIN placed AS b ON a.column_ = b.column_ AND a.row_ = b.row_
WHERE (to_class IS NULL OR b.cell_class = to_class) AND a.cell_id <> b.cell_id
  AND (a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y) < radius_um * radius_um
