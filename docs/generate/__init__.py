"""Pages made from the code at build time, so that they are never out of date: the reference, the galleries, the interfaces."""
