"""One operator in each file: its state, its step, and the equation it keeps."""
