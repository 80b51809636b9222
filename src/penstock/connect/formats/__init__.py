"""Data formats by name; each implements `ports.format.Format`."""
