-- Files of the lake that hold now: the newest row of each kind, slide and stain, withdrawn ones left out.
-- Regions are of the slide, not of its cells, and outlive these. What was computed from a cells file that no longer holds is stale, and left out too.
WITH newest AS (
  SELECT * FROM ladder.base.manifest WHERE /*seen*/ true
  QUALIFY row_number() OVER (PARTITION BY kind, slide_id, stain ORDER BY run DESC) = 1
), cells AS (SELECT slide_id, stain, sha256 FROM newest WHERE kind = 'cells' AND state = 'current')
SELECT newest.*
FROM newest LEFT JOIN cells ON cells.slide_id = newest.slide_id AND cells.stain = newest.stain AND cells.sha256 = newest.cells_sha256
WHERE newest.state = 'current' AND (cells.sha256 IS NOT NULL OR newest.kind = 'regions')
