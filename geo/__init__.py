"""Geometry on plain arrays and shapely objects; knows no report, no screen and no file format."""
