"""Named SQL files, the catalogue that finds them, the run that records them, and the sandbox for user SQL."""
