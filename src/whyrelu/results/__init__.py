"""From finished runs to the tables, statistics and numbers of a study."""
