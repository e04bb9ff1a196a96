"""Which score does a model give each patient, and what is the model made of?"""
