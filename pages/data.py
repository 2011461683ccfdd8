"""问题清单: the reports behind the map, row by row."""

from cwmap.ui import frame

frame.header(frame.town())
