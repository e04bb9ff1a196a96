"""How long do patients live without an event, by band or covariate?"""
