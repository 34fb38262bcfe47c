"""The report of a study: a page in Markdown and its figures, made from the tables in results/<study>/."""
