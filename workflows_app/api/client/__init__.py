"""The wire of the public JavaScript client `@mastra/client-js`, which works on it unchanged.

Served under `/api/`, beside the API of its own names under `/api/v1/`: the same callers, rules and
verbs, in the names, shapes and record streams that this client knows. `manner` says what differs;
`names`, `graphs`, `records` and `events` say what things look like; the others are its operations.
"""
