"""One package per dialect, all over `api.shared`; dialects never import each other, nor anything but services."""
