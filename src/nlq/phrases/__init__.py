"""From tags to a query: the grammar of questions, and how their parts belong together."""
