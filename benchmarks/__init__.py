"""One command per published table; each prints machine, data and versions, and writes JSON and Markdown."""
