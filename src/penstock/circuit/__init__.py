"""The incremental engine: operators that turn changes into changes, wired into a circuit. Pure, single-threaded."""
