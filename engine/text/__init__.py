"""Text for people and files: sizes, tables, escaping, messages."""
