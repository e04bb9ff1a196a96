"""Who is asked: which patients, in which groups, with which bands and covariates."""
