"""Transports and data formats: how bytes get into tables and out of views. Each knows ports, data and kernel only."""
