"""Who drives shards: threads, Dask workers; branches, merging, statistics, forecasts."""
