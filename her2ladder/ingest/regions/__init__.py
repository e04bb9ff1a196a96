"""Regions that a pathologist drew: read, cleaned, placed on a slide, and the cells that lie in each."""
