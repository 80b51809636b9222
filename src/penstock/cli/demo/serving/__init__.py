"""`penstock demo ubiops`: a model behind a pipeline of deployments, asked by the released client of UbiOps."""
