-- Thresholds that make HER2 classes of membrane numbers, as they hold now: one row.
SELECT null_completeness, complete, strong_od, run
FROM ladder.base.membrane_threshold WHERE /*seen*/ true
QUALIFY row_number() OVER (ORDER BY run DESC) = 1
