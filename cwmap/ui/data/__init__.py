"""数据: files in, layers and briefs out, what there is, settings and accounts."""
