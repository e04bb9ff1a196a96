-- Cells of one class that lie within a radius of a cell of another class, slide by slide: lymphocytes near neutrophils, say.
--
-- $stain       stain
-- $of_class    class of the cells that are counted
-- $near_class  class of the cells that they must lie near
-- $radius_um   upper bound of the distance, micrometres, exclusive
--
-- slide_id     slide
-- n_cells      cells of the first class
-- n_near       those of them with a cell of the second class within the radius
-- share_near   n_near / n_cells
WITH counted AS (  -- each in its square of a grid whose side is the radius
  SELECT slide_id, cell_id, x_um, y_um, floor(x_um / $radius_um)::BIGINT AS gx, floor(y_um / $radius_um)::BIGINT AS gy
  FROM cell WHERE stain = $stain AND cell_class = $of_class
), near AS (  -- each in its own square and the eight around it
  SELECT slide_id, cell_id, x_um, y_um, floor(x_um / $radius_um)::BIGINT + dx AS gx, floor(y_um / $radius_um)::BIGINT + dy AS gy
  FROM cell, (VALUES (-1), (0), (1)) AS a(dx), (VALUES (-1), (0), (1)) AS b(dy)
  WHERE stain = $stain AND cell_class = $near_class
), met AS (
  SELECT DISTINCT c.slide_id, c.cell_id
  FROM counted AS c JOIN near AS n ON n.slide_id = c.slide_id AND n.gx = c.gx AND n.gy = c.gy
  WHERE (c.x_um - n.x_um) * (c.x_um - n.x_um) + (c.y_um - n.y_um) * (c.y_um - n.y_um) < $radius_um * $radius_um
    AND ($of_class <> $near_class OR c.cell_id <> n.cell_id)
)
SELECT c.slide_id, count(*) AS n_cells, count(m.cell_id) AS n_near, count(m.cell_id) / count(*) AS share_near
FROM counted AS c LEFT JOIN met AS m ON m.slide_id = c.slide_id AND m.cell_id = c.cell_id
GROUP BY c.slide_id
ORDER BY c.slide_id
