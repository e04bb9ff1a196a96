"""What does a model look at, and what is it fit for?"""
