-- Share of each HER2 class on a slide beside the words of ASCO/CAP 2018 that fit the shares. Not a diagnosis: no pathologist has looked, and the words ask for invasive tumour cells.
WITH shares AS (
  SELECT slide_id, any_value(patient_id) AS patient_id, stain, count(*) AS n_cells,
    count(*) FILTER (her2_class = 'HER2strong_complete') / count(*) AS strong_complete,
    count(*) FILTER (her2_class = 'HER2strong_incomplete') / count(*) AS strong_incomplete,
    count(*) FILTER (her2_class = 'HER2weak_complete') / count(*) AS weak_complete,
    count(*) FILTER (her2_class = 'HER2weak_incomplete') / count(*) AS weak_incomplete,
    count(*) FILTER (her2_class = 'HER2null') / count(*) AS no_stain,
    string_agg(DISTINCT coalesce(calibration, 'none'), ', ' ORDER BY coalesce(calibration, 'none')) AS calibration
  FROM membrane_class WHERE cell_class <> 'Other' GROUP BY slide_id, stain
)
SELECT *,
  CASE
    WHEN strong_complete > 0.1 THEN '3+: complete and intense in more than 10 % of cells'
    WHEN strong_complete > 0 OR weak_complete > 0.1 OR strong_incomplete > 0.1
    THEN '2+: complete and weak to moderate in more than 10 %, or intense but in 10 % or less, or intense but incomplete'
    WHEN strong_incomplete + weak_incomplete + weak_complete > 0.1 THEN '1+: incomplete and faint in more than 10 %'
    ELSE '0: no staining, or incomplete and faint in 10 % or less'
  END AS asco_cap_words,
  'not a diagnosis' AS label
FROM shares
