"""How each aggregate is kept up to date: by adding (linear), by comparing (extremes), or from its group's rows."""
