"""考核: the page and its views."""
