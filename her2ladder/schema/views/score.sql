-- Scores of every kind: the newest of each score, patient and kind. Training again under a name hides what the older model said;
-- a score whose features have changed since is stale and left out.
WITH rows AS (SELECT * FROM ladder.base.score WHERE /*seen*/ true),
trained AS (SELECT score_name, max(run) AS run FROM rows WHERE kind = 'out_of_fold' GROUP BY score_name),
held AS (
  SELECT rows.* FROM rows LEFT JOIN trained USING (score_name) WHERE rows.run >= coalesce(trained.run, '')
  QUALIFY row_number() OVER (PARTITION BY rows.score_name, rows.patient_id, rows.kind ORDER BY rows.run DESC) = 1
)
SELECT held.* FROM held
WHERE held.input_sha256 IS NULL
  OR (held.patient_id, held.input_sha256) IN (SELECT (patient_id, input_sha256) FROM patient_input)
