-- Slides whose cells are in the store, one row a slide and stain.
SELECT m.slide_id, m.patient_id, m.stain, m.mpp_x, m.mpp_y, m.slide_mpp, m.n_rows AS n_cells, m.n_quarantined, m.source_name,
  m.source_format, m.source_sha256, m.label_map, m.label_map_sha256, m.sha256, m.path, m.state, m.run
FROM manifest_current AS m
WHERE m.kind = 'cells'
