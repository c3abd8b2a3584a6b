"""The compiled executor for tensor programs: a run stays in the cache of one core for all its steps."""
