"""What is missing (缺口): norms, service on foot, verdicts, the next site."""
