"""What are the sc-MTOP features of each slide?"""
