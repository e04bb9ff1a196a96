-- Numbers of every analysis: of the same command with the same arguments only the newest run.
WITH newest AS (
  SELECT max(run) AS run FROM ladder.base.run WHERE /*seen*/ true GROUP BY stage, arguments
)
SELECT r.* FROM ladder.base.analysis_result AS r JOIN newest ON newest.run = r.run
