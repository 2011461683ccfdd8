"""Behind `cwmap.store`: a change under way, rows, settings, and the GeoPackage they lie in."""
