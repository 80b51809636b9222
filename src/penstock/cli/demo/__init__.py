"""`penstock demo`: the flights out of New York in 2013 through a server of its own, watched while they come in."""
