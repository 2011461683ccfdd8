"""cwmap (创卫一张图): a town's hygiene problems on one map, who answers for them, what is missing."""

__version__ = "0.1.0"
