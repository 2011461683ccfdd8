"""缺口: the page and its views."""
