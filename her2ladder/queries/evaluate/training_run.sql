-- When and with what a model was trained.
--
-- $run      run that wrote the model
--
-- run       run
-- started   start, UTC
-- seconds   wall seconds
-- seed      seed
-- versions  versions of Python and of the packages that compute, JSON
-- inputs    inputs, JSON
SELECT run, started, seconds, seed, versions, inputs FROM run WHERE run = $run
ORDER BY run
