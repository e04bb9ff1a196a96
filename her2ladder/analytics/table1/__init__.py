"""Who are the patients of each cohort, and what is missing?"""
