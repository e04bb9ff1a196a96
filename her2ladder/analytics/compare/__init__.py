"""Does the pCR rate differ between bands, regimens or other groups?"""
