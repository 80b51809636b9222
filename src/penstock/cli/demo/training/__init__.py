"""`penstock demo kfp`: a training pipeline, submitted by the released client of Kubeflow Pipelines."""
