"""A synthetic town in the valley at 33.39 N, 104.92 E, with the same faults as real data."""

from cwmap.demo.files import write_files
from cwmap.demo.town import DemoTown, make

__all__ = ["DemoTown", "make", "write_files"]
