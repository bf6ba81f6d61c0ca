"""The parts of the Dose page, one file each: the ways in, the answer, what stands behind it."""
