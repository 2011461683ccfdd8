"""热点: the page and its views."""
