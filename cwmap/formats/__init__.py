"""Each kind of file that a town hands in, as `cwmap.reading` needs it: bytes in, cells out."""
