"""What the run engine costs: per step, per hop, and per call once many runs are stored."""
