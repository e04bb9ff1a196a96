"""How do the odds of residual disease (or pCR) depend on the score and on clinical variables?"""
