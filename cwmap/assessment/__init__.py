"""日督导, 周评比, 月奖惩 (考核): rules, visits, scores, what follows from them."""
