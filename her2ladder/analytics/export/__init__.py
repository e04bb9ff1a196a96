"""How do the cells leave the store, for QuPath, R, scanpy and the other tools?"""
