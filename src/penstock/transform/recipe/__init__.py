"""Recipes: the language that directives are written in.

`rewriting` turns lines of the old syntax into the new one, `lexer` and `parser` read that, `usage` matches what was
read with what a directive takes, `program` compiles all of it to steps over frames. Pure; directives register
themselves with
`catalogue`.
"""
