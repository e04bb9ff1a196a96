-- Scores of the store and what their source predicts.
--
-- score_name  score
-- predicts    residual, or pcr (then turned on ingest)
-- n           patients that have it
SELECT score_name, any_value(predicts) AS predicts, count(score) AS n FROM score_current GROUP BY score_name ORDER BY score_name
