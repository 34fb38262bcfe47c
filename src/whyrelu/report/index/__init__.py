"""The index of all studies, reports/README.md."""
