"""Where results lie: folders and remote places, their layout in Zarr, who may write, what is whole."""
