"""任务: the page and its views."""
