"""`python -m penstock.cli`: the command line without its script, as the demo starts its server."""

from penstock.cli.app import main

main()
