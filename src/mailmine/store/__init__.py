"""What is kept, one module per thing kept, in one schema for SQLite and PostgreSQL.

Every function takes a transaction first (`Database.read` or `Database.write` opens one) and none commits:
what belongs together is written together by whoever opened the transaction. Every function may raise
`StoreError` (see `errors`) and nothing else for what a database does. All datetimes are aware and UTC.
"""
