"""Where reports crowd, how that changes and what follows a clean-up (热点)."""
