"""The meeting's brief (通报): its sections as data, and the four files that can be made of them."""
