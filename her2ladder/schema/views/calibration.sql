-- Calibrations of staining batches: one row a name, the factor c that its controls give together.
WITH controls AS (
  SELECT * FROM ladder.base.calibration_control WHERE /*seen*/ true
  QUALIFY row_number() OVER (PARTITION BY calibration, expect ORDER BY run DESC) = 1
)
SELECT calibration, arg_max(factor, run) AS factor, string_agg(expect, ', ' ORDER BY expect) AS controls,
  sum(n_cells)::BIGINT AS n_cells, arg_max(mpp, run) AS mpp, max(run) AS run
FROM controls GROUP BY calibration
