"""Executors: what turns a shard of a plan into blocks of records."""
