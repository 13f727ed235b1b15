"""The study file: tables, queries that take a session, migrations. No Qt, nothing of ours."""
