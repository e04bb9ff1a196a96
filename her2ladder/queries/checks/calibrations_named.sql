-- Cells measured with a calibration that the store does not know: it was measured in another store, or its name was misspelt.
--
-- where  slide and stain
-- found  calibration and how many cells
SELECT concat(c.slide_id, ' ', c.stain) AS "where", concat(c.calibration, ': ', c.n, ' cells') AS found
FROM (SELECT slide_id, stain, calibration, count(*) AS n FROM cell WHERE calibration IS NOT NULL GROUP BY ALL) AS c
WHERE c.calibration NOT IN (SELECT calibration FROM calibration)
ORDER BY ALL
