"""What the tests in Python share: processes, HTTP by hand, and looks at the database and the ledger."""
