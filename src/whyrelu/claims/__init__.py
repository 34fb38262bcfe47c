"""The ledger of claims: each one a rule, declared in conf/claims before the data, and what the data make of it."""
