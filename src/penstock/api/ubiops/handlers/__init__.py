"""What answers the operations, one module per resource."""
