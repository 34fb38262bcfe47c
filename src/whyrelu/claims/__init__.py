"""Claims and predictions: declared in conf/claims, mapped to effects by one function each, decided by one ledger."""
