"""Documents are true: generated pages are current, links lead somewhere, names exist, examples run."""
