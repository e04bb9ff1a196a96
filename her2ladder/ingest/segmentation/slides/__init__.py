"""What is on a slide: its size, its scale, where its tissue is, and its pixels at a scale asked for."""
