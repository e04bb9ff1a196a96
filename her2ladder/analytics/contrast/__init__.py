"""Which features differ between bands, or between any two groups?"""
