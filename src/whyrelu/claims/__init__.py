"""The ledger of claims: each one a rule, declared in conf/claims, and what the data make of it."""
