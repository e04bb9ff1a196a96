"""Maps of cells over a slide: a picture for a paper and one self-contained page to look around in."""
