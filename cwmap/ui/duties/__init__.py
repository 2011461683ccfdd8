"""责任: the page and its views."""
