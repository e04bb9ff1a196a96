-- Which cells of each class are a cell's k nearest, closer than the radius: the directed lists of the sc-MTOP graphs.
--
-- Reads the relation cells_in (cell_id, cls, x_um, y_um), which the caller registers; cls is the class's number in canonical order,
-- negative = Other. A grid equi-join: cells are put in squares a hair wider than the radius (the hair covers rounding), so that all in reach
-- of a cell lie in nine squares.
--
-- $radius_um  longest edge, micrometres, exclusive
-- $k          longest list
--
-- cell_id     cell whose list it is
-- cls         its class
-- target_cls  class that the list is of
-- place       1 = nearest; equal distances stand by neighbour_id
-- neighbour_id  the other cell
-- length_um   centroid to centroid, micrometres
WITH corner AS (  -- the upper left corner of the grid
  SELECT min(x_um) AS left_um, min(y_um) AS top_um FROM cells_in
),
placed AS (  -- each cell of a class in its square
  SELECT
    cell_id, cls, x_um, y_um,
    floor((x_um - left_um) / ($radius_um * 1.000001))::BIGINT AS grid_column,
    floor((y_um - top_um) / ($radius_um * 1.000001))::BIGINT AS grid_row
  FROM cells_in, corner
  WHERE cls >= 0
),
reaching AS (  -- each cell once in each of the nine squares that it may reach into
  SELECT cell_id, cls, x_um, y_um, grid_column + step_right AS grid_column, grid_row + step_down AS grid_row
  FROM placed, unnest([-1, 0, 1]) AS r(step_right), unnest([-1, 0, 1]) AS d(step_down)
),
in_squares AS (  -- each ordered pair of cells that may be in reach
  SELECT
    a.cell_id, a.cls, b.cls AS target_cls, b.cell_id AS neighbour_id,
    (a.x_um - b.x_um) * (a.x_um - b.x_um) + (a.y_um - b.y_um) * (a.y_um - b.y_um) AS d2_um2
  FROM reaching AS a
  JOIN placed AS b ON a.grid_column = b.grid_column AND a.grid_row = b.grid_row AND a.cell_id <> b.cell_id
),
in_reach AS (  -- each ordered pair that is, numbered from the nearest
  SELECT *, row_number() OVER (PARTITION BY cell_id, target_cls ORDER BY d2_um2, neighbour_id) AS place
  FROM in_squares
  WHERE d2_um2 < $radius_um * $radius_um
)
SELECT cell_id, cls, target_cls, place::INTEGER AS place, neighbour_id, sqrt(d2_um2) AS length_um
FROM in_reach
WHERE place <= $k
ORDER BY cell_id, target_cls, place
