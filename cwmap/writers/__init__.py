"""Behind `cwmap.export`: what a layer holds, how it looks, and the formats it is written in."""
