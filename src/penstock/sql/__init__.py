"""SQL text to plan: parser, binder, functions, logical plan, its rewrites; and the evaluation of bound expressions."""
