"""Chinook's customers, invoices and tracks, kept in agreement between a real PostgreSQL and a real MariaDB."""
