"""Stored things in the words of the wire, of either version of the API."""
