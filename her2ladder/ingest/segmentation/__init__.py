"""From pixels to cells: which cells does a slide hold, of what type, and (HER2) how is each membrane stained? Extra [segment]."""
