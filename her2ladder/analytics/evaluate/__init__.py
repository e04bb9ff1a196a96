"""How good a score is: discrimination, calibration, net benefit and rivals, for every cohort and subgroup, as rows and figures."""
