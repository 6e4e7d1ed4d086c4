"""Measurements that are run by hand; each says what it compares with, and fails when its bound is broken."""
