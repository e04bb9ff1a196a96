-- For each cell of one class the nearest cell of another (or the nearest other cell of the same): from_id, to_id, distance_um. Ties go to the smaller id; NULL stands for any class.
WITH placed AS (
  SELECT c.cell_class, {'id': c.cell_id, 'x': c.x_um, 'y': c.y_um} AS place
  FROM cell AS c
  WHERE c.slide_id = slide AND c.stain = stain AND (from_class IS NULL OR to_class IS NULL OR c.cell_class IN (from_class, to_class))
), ends AS (
  SELECT list(place) FILTER (from_class IS NULL OR cell_class = from_class) AS origins,
    list(place) FILTER (to_class IS NULL OR cell_class = to_class) AS targets
  FROM placed
), found AS (SELECT unnest(nearest_pairs(origins, targets)) AS pair FROM ends)
SELECT pair.from_id, pair.to_id, pair.distance_um FROM found
