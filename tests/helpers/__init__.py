"""What several tests use: studies, comparisons, and programs that tests start as processes of their own."""
