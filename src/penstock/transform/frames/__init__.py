"""Batches of records under way through a recipe: columns that may be absent in some rows, and rows that have failed."""

from penstock.transform.frames.cells import CellFailed, map_cells
from penstock.transform.frames.data import Data
from penstock.transform.frames.frame import Column, Failure, Failures, Frame

__all__ = ["CellFailed", "Column", "Data", "Failure", "Failures", "Frame", "map_cells"]
