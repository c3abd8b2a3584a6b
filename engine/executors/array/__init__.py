"""The array executor: one shard as batched operations on arrays. The reference; it runs everything."""
