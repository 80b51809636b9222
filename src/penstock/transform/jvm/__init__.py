"""What users of recipes and expressions see of the JVM: its kinds of numbers, how it prints, its patterns.

`values` tells the kinds of values apart, `numbers` reads and narrows them, `text` splits and prints, `regex` translates
patterns, `dates` date patterns, `printf` formats, `chance` draws the same numbers. Pure; knows nothing of recipes.
"""
