"""What is done for each operation, one module per resource."""
