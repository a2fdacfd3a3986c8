"""An operator's rules: what lists may not hold, alone hold, prefer, limit or begin with; a query each."""
