"""Behind `cwmap.checking`: from a file's text to values, places, ids and problems."""
