-- Tiles of the slides that `ladder segment` read, with what may be wrong with each: those of the cells that hold now.
SELECT q.slide_id, m.patient_id, q.stain, q.x0_um, q.y0_um, q.x1_um, q.y1_um, q.tissue_share, q.sharpness, q.pen_share, q.fold_share, q.flags, q.run
FROM ladder.base.tile_quality AS q
JOIN manifest_current AS m ON m.kind = 'cells' AND m.slide_id = q.slide_id AND m.stain = q.stain AND m.run = q.run
