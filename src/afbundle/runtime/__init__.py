"""One task in this process: the front door, the conversation with the supervisor, and what a task is given."""
